"""DUST: held at accept, charged at start, given back when nothing comes of it."""

import asyncio
import errno
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from dustreel.callers import Role
from dustreel.worker import foreman
from tests.conftest import House, User, eventually, house_with


async def test_a_video_costs_ten(alice: User) -> None:
    await alice.video()
    assert await alice.dust() == (990, 0, 990)


async def test_a_failed_job_gives_the_dust_back(alice: User) -> None:
    job = await alice.generate("A storm [sandbox:fail=Model timeout]")
    result = await alice.until_final(job)
    assert result == {"success": False, "job_id": job, "status": "failed", "error": "Video generation failed: Model timeout"}
    assert await alice.dust() == (1000, 0, 1000)


async def test_a_refused_prompt_gives_the_dust_back_and_says_so(alice: User) -> None:
    result = await alice.until_final(await alice.generate("Something [sandbox:moderated]"))
    assert result["error"].startswith("Video generation failed: Model refused the prompt")
    assert await alice.dust() == (1000, 0, 1000)


async def test_a_cancelled_job_gives_the_dust_back(alice: User) -> None:
    job = await alice.generate("A storm [sandbox:hang]")
    await alice.until(job, "processing")
    assert await alice.dust() == (990, 0, 990)
    await alice.api.delete(f"/videos/jobs/{job}")
    assert await alice.dust() == (1000, 0, 1000)


async def test_a_stumble_is_tried_again_and_charged_once(alice: User) -> None:
    result = await alice.until_final(await alice.generate("A storm [sandbox:flaky] [sandbox:instant]"))
    assert result["success"] is True
    assert await alice.dust() == (990, 0, 990)


async def test_a_storage_that_is_away_for_longer_than_three_attempts_costs_no_job(
    house: House, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foreman, "LONGEST_STORAGE_PAUSE_SECONDS", 0.1)
    put_file, refused = house.service.store.put_file, 0

    async def away(key: str, file: Path, content_type: str) -> None:
        nonlocal refused
        if refused < 5:
            refused += 1
            raise OSError(errno.EIO, "the storage is away")
        await put_file(key, file, content_type)

    monkeypatch.setattr(house.service.store, "put_file", away)
    with capture_logs():
        await alice.video()
    assert refused == 5
    assert await alice.dust() == (990, 0, 990)


async def test_the_ledger_tells_where_it_went(alice: User) -> None:
    done = await alice.generate()
    await alice.until_final(done)
    failed = await alice.generate("A storm [sandbox:fail]")
    await alice.until_final(failed)
    body = (await alice.api.get("/dust/entries")).json()
    told = [(entry["kind"], entry["amount"], entry["job_id"]) for entry in body["entries"]]
    assert told == [
        ("refund", 10, failed),
        ("capture", 10, failed),
        ("hold", 10, failed),
        ("capture", 10, done),
        ("hold", 10, done),
        ("grant", 1000, None),
    ]
    assert body["pagination"] == {"total": 6, "limit": 20, "offset": 0, "has_more": False}


async def test_a_cancel_that_races_the_end_is_one_or_the_other(alice: User) -> None:
    jobs = [await alice.generate(f"Race {number} [sandbox:instant]") for number in range(8)]

    async def cancel_soon(job: str) -> int:
        await alice.until(job, "starting", "processing", "completed")
        return (await alice.api.delete(f"/videos/jobs/{job}")).status_code

    answers = await asyncio.gather(*(cancel_soon(job) for job in jobs))
    ends = [(await alice.until_final(job)) for job in jobs]
    for status, end in zip(answers, ends, strict=True):
        assert (status == 200) == (end.get("status") == "cancelled")
    spent = 10 * sum(end["success"] for end in ends)
    assert await alice.dust() == (1000 - spent, 0, 1000 - spent)


async def test_a_finished_job_can_not_be_cancelled(alice: User) -> None:
    job = await alice.generate()
    await alice.until_final(job)
    answer = await alice.api.delete(f"/videos/jobs/{job}")
    assert (answer.status_code, answer.json()["code"]) == (409, "job_not_cancellable")


class TestGrants:
    async def test_an_admin_grants(self, house: House, alice: User) -> None:
        async with house.user(role=Role.ADMIN) as admin:
            answer = await admin.api.post("/dust/grants", json={"user_id": str(alice.id), "amount": 50})
        assert answer.json() == {
            "granted": True,
            "user_id": str(alice.id),
            "mode": "test",
            "dust": {"balance": 1050, "held": 0, "available": 1050},
        }

    @pytest.mark.parametrize("by", [{"reference": "invoice 7"}, {"header": "retry-1"}])
    async def test_a_grant_is_given_once(self, house: House, alice: User, by: dict[str, str]) -> None:
        body: dict[str, Any] = {"user_id": str(alice.id), "amount": 50}
        headers = {"Idempotency-Key": by["header"]} if "header" in by else {}
        body |= {"reference": by["reference"]} if "reference" in by else {}
        async with house.user(role=Role.ADMIN) as admin:
            answers = await asyncio.gather(*(admin.api.post("/dust/grants", json=body, headers=headers) for _ in range(5)))
        assert sorted(answer.json()["granted"] for answer in answers) == [False] * 4 + [True]
        assert await alice.dust() == (1050, 0, 1050)

    async def test_nobody_else_grants(self, alice: User) -> None:
        answer = await alice.api.post("/dust/grants", json={"user_id": str(alice.id), "amount": 50})
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")

    @pytest.mark.parametrize("amount", [0, -5, 1.5, "10", True, 10**12])
    async def test_a_wrong_amount_is_told(self, house: House, alice: User, amount: Any) -> None:
        async with house.user(role=Role.ADMIN) as admin:
            answer = await admin.api.post("/dust/grants", json={"user_id": str(alice.id), "amount": amount})
        assert (answer.status_code, answer.json()["code"]) == (422, "validation_error")


class TestIdempotency:
    async def test_the_same_request_fifty_times_at_once_is_one_job(self, alice: User) -> None:
        headers = {"Idempotency-Key": "the one"}
        answers = await asyncio.gather(*(alice.api.post("/videos/generate", json=alice.wish(), headers=headers) for _ in range(50)))
        assert {answer.status_code for answer in answers} == {202}
        assert len({answer.text for answer in answers}) == 1
        await alice.until_final(answers[0].json()["job_id"])
        assert await alice.dust() == (990, 0, 990)

    async def test_another_body_with_the_same_key_is_refused(self, alice: User) -> None:
        headers = {"Idempotency-Key": "the one"}
        await alice.api.post("/videos/generate", json=alice.wish(), headers=headers)
        answer = await alice.api.post("/videos/generate", json=alice.wish(duration="long"), headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")

    async def test_two_users_may_choose_the_same_key(self, alice: User, bob: User) -> None:
        headers = {"Idempotency-Key": "1"}
        first = await alice.api.post("/videos/generate", json=alice.wish(), headers=headers)
        second = await bob.api.post("/videos/generate", json=bob.wish(), headers=headers)
        assert first.json()["job_id"] != second.json()["job_id"]


class TestLimits:
    @pytest.fixture
    async def strict(self, database_url: str, tmp_path: Path) -> Any:
        settings = {"max_active_jobs": "3", "submit_limit": "8/minute", "rate_limit": "30/minute"}
        async with house_with(database_url, tmp_path, worker=False, **settings) as house:
            yield house

    async def test_live_jobs_are_limited_whatever_races(self, strict: House) -> None:
        async with strict.user() as alice:
            answers = await asyncio.gather(*(alice.api.post("/videos/generate", json=alice.wish()) for _ in range(8)))
        assert sorted(answer.status_code for answer in answers) == [202] * 3 + [429] * 5
        late = next(answer for answer in answers if answer.status_code == 429)
        assert late.json()["code"] == "too_many_active_jobs"
        assert int(late.headers["retry-after"]) > 0

    async def test_submits_are_limited(self, strict: House) -> None:
        async with strict.user() as alice:
            answers = [await alice.api.post("/videos/generate", json=alice.wish()) for _ in range(9)]
        late = answers[-1]
        assert (late.status_code, late.json()["code"]) == (429, "rate_limited")
        assert 0 < int(late.headers["retry-after"]) <= 60
        assert late.headers["ratelimit-policy"] == '"default";q=8;w=60'
        assert late.headers["ratelimit"].startswith('"default";r=0;t=')

    async def test_requests_are_limited(self, strict: House) -> None:
        async with strict.user() as alice, strict.user() as bob:
            answers = [await alice.api.get("/me") for _ in range(31)]
            assert [answer.status_code for answer in answers].count(429) == 1
            assert (await bob.api.get("/me")).status_code == 200

    async def test_a_balance_never_falls_below_zero_whatever_races(self, database_url: str, tmp_path: Path) -> None:
        async with house_with(database_url, tmp_path, worker=False, starting_dust="35") as house, house.user() as alice:
            answers = await asyncio.gather(*(alice.api.post("/videos/generate", json=alice.wish()) for _ in range(10)))
            assert sorted(answer.status_code for answer in answers) == [202] * 3 + [402] * 7
            assert await alice.dust() == (35, 30, 5)


async def test_a_job_expires_and_its_video_stays(database_url: str, tmp_path: Path) -> None:
    async with house_with(database_url, tmp_path, job_ttl_hours="0.0005") as house, house.user() as alice, house.user() as bob:
        job = await alice.generate()
        video = (await alice.until_final(job))["video"]

        async def expired() -> dict[str, Any] | None:
            answer = await alice.api.get(f"/videos/jobs/{job}/status")
            return answer.json() if answer.status_code == 404 else None

        assert (await eventually(expired, "the job to expire"))["code"] == "job_expired"
        assert (await alice.api.get(f"/videos/jobs/{job}/result")).json()["code"] == "job_expired"
        assert (await bob.api.get(f"/videos/jobs/{job}/status")).status_code == 403
        assert (await alice.api.get(f"/videos/{video['id']}")).json() == {"video": video}
        assert (await alice.api.get("/videos/stats")).json()["jobs_processed"] == 1
        assert (await alice.api.get(f"/videos/jobs/{uuid4()}/status")).json()["code"] == "job_not_found"
