"""One Idempotency-Key is one job for 24 hours, whatever is sent again, wherever; and a request that came to nothing uses up no key.

That fifty at once are one job, that another body is refused, and that two users may choose the same key: test_money.py. What no key may
look like: test_bad_input.py.
"""

import asyncio
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from structlog.testing import capture_logs

from dustreel.base.vocabulary import Mode
from dustreel.callers import Role
from tests.conftest import House, User, eventually, house_with

GENERATE, ANIMATE = "/videos/generate", "/videos/animate"
KEY = {"Idempotency-Key": "the one"}


async def test_fifty_at_once_to_two_processes_are_one_job(database_url: str, tmp_path: Path) -> None:
    async with (
        house_with(database_url, tmp_path / "one", worker=False) as one,
        house_with(database_url, tmp_path / "two", worker=False) as two,
        one.user() as alice,
    ):
        async with two.client(alice.api.headers["Authorization"].removeprefix("Bearer ")) as elsewhere:
            wish = alice.wish()
            posts = [(alice.api, elsewhere)[number % 2].post(GENERATE, json=wish, headers=KEY) for number in range(50)]
            answers = await asyncio.gather(*posts)
        assert {answer.status_code for answer in answers} == {202}
        assert len({answer.content for answer in answers}) == 1
        assert await _made(alice) == 1


async def test_of_two_bodies_at_once_one_wins(alice: User) -> None:
    wishes = [alice.wish(duration=("short", "long")[number % 2]) for number in range(20)]
    answers = await asyncio.gather(*(alice.api.post(GENERATE, json=wish, headers=KEY) for wish in wishes))
    told = [_told(answer) for answer in answers]
    assert sorted([told[0], told[1]]) == [(202, ""), (422, "idempotency_key_reused")]
    assert told == told[:2] * 10
    assert await _made(alice) == 1


@pytest.mark.parametrize("key", ["x", "x" * 255, "a b", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"])
async def test_a_key_is_any_printable_text(alice: User, key: str) -> None:
    answers = [await alice.api.post(GENERATE, json=alice.wish(), headers={"Idempotency-Key": key}) for _ in range(2)]
    assert answers[0].status_code == 202
    assert answers[0].content == answers[1].content


@pytest.mark.parametrize("keys", [[b"a", b"a"], [b"a", b"b"], [b"a\x7f"], [b"\xff"], [b"a\x01b"], [b"a,\xc2\xa0b"]])
async def test_two_keys_or_characters_that_do_not_print_are_refused(alice: User, keys: list[bytes]) -> None:
    answer = await alice.api.post(GENERATE, json=alice.wish(), headers=[(b"Idempotency-Key", key) for key in keys])
    assert _told(answer) == (400, "invalid_idempotency_key")
    assert await _made(alice) == 0


async def test_another_route_is_another_request(alice: User, picture_url: str) -> None:
    assert (await alice.api.post(GENERATE, json=alice.wish(), headers=KEY)).status_code == 202
    body = {"image_url": picture_url, "prompt": "dance", "duration": "short", "resolution": "sd_480p"}
    assert _told(await alice.api.post(ANIMATE, json=body, headers=KEY)) == (422, "idempotency_key_reused")
    first, again = [await alice.api.post(ANIMATE, json=body, headers={"Idempotency-Key": "another"}) for _ in range(2)]
    assert (first.status_code, first.content) == (202, again.content)
    assert await _made(alice) == 2


async def test_live_and_test_do_not_meet(house: House) -> None:
    user_id = uuid4()
    async with house.user(role=Role.ADMIN) as admin:
        await admin.api.post("/dust/grants", json={"user_id": str(user_id), "amount": 100, "mode": "live"})
    async with house.client(await house.key(user_id)) as test, house.client(await house.key(user_id, mode=Mode.LIVE)) as live:
        alice = User(user_id, test, house)
        first, second = [await api.post(GENERATE, json=alice.wish(), headers=KEY) for api in (test, live)]
        assert (first.status_code, second.status_code) == (202, 202)
        assert first.json()["job_id"] != second.json()["job_id"]


async def test_a_service_key_has_the_keys_of_each_of_its_users(house: House, alice: User, bob: User) -> None:
    nobody = {name: value for name, value in alice.wish().items() if name != "user_id"}
    async with house.user(role=Role.SERVICE) as backend:
        asked = [alice, bob, alice]
        answers = [await backend.api.post(GENERATE, json=nobody, headers=KEY | {"X-User-Id": str(user.id)}) for user in asked]
    assert {answer.status_code for answer in answers} == {202}
    jobs = [answer.json()["job_id"] for answer in answers]
    assert jobs[0] == jobs[2] != jobs[1]


class TestWhatCameToNothing:
    """A refused or broken request leaves its key as it was."""

    async def test_who_could_not_pay_tries_again_with_the_same_key(self, house: House) -> None:
        async with house.user(mode=Mode.LIVE) as alice, house.user(role=Role.ADMIN) as admin:
            answers = await asyncio.gather(*(alice.api.post(GENERATE, json=alice.wish(), headers=KEY) for _ in range(5)))
            assert [_told(answer) for answer in answers] == [(402, "insufficient_dust")] * 5
            await admin.api.post("/dust/grants", json={"user_id": str(alice.id), "amount": 10, "mode": "live"})
            assert (await alice.api.post(GENERATE, json=alice.wish(), headers=KEY)).status_code == 202
            assert await _made(alice) == 1

    async def test_who_was_mistaken_sends_it_right_with_the_same_key(self, alice: User) -> None:
        for wrong in ({"duration": "forever"}, {"prompt": " "}, {"user_id": str(uuid4())}, {"user_id": "me"}):
            assert (await alice.api.post(GENERATE, json=alice.wish(**wrong), headers=KEY)).status_code in (403, 422)
        picture = {"image_url": "https://127.0.0.1/a.jpg", "prompt": "dance", "duration": "short", "resolution": "sd_480p"}
        assert _told(await alice.api.post(ANIMATE, json=picture, headers=KEY)) == (422, "image_url_forbidden")
        assert (await alice.api.post(GENERATE, json=alice.wish(), headers=KEY)).status_code == 202
        assert await _made(alice) == 1

    async def test_who_had_too_many_jobs_tries_again_with_the_same_key(self, database_url: str, tmp_path: Path) -> None:
        async with house_with(database_url, tmp_path, worker=False, max_active_jobs="1") as house, house.user() as alice:
            other = await alice.generate()
            late = await alice.api.post(GENERATE, json=alice.wish(), headers=KEY)
            assert _told(late) == (429, "too_many_active_jobs")
            assert int(late.headers["retry-after"]) > 0
            await alice.api.delete(f"/videos/jobs/{other}")
            assert (await alice.api.post(GENERATE, json=alice.wish(), headers=KEY)).status_code == 202
            assert await _made(alice) == 2

    async def test_who_was_too_quick_tries_again_with_the_same_key(self, database_url: str, tmp_path: Path) -> None:
        async with house_with(database_url, tmp_path, worker=False, submit_limit="2/second") as house, house.user() as alice:
            keys = [{"Idempotency-Key": str(number)} for number in range(6)]
            answers = await asyncio.gather(*(alice.api.post(GENERATE, json=alice.wish(), headers=key) for key in keys))
            late = [key for key, answer in zip(keys, answers, strict=True) if _told(answer) == (429, "rate_limited")]
            assert late

            async def admitted() -> httpx.Response | None:
                answer = await alice.api.post(GENERATE, json=alice.wish(), headers=late[0])
                return None if answer.status_code == 429 else answer

            first = await eventually(admitted, "the limit to pass")
            assert first.status_code == 202
            # A repetition is no new submission: no rate stands in its way.
            again = await asyncio.gather(*(alice.api.post(GENERATE, json=alice.wish(), headers=late[0]) for _ in range(10)))
            assert {answer.content for answer in again} == {first.content}
            assert await _made(alice) == len(keys) - len(late) + 1

    async def test_what_broke_on_our_side_is_sent_again_with_the_same_key(self, database_url: str, tmp_path: Path) -> None:
        async with house_with(database_url, tmp_path, worker=False) as house, house.user() as alice:
            async with house.service.db.transaction() as db:
                await db.execute("alter table idempotency_keys add constraint broken check (key <> 'the one')")
            with capture_logs():  # unconfigured, logging takes seconds to draw the traceback
                assert (await alice.api.post(GENERATE, json=alice.wish(), headers=KEY)).status_code == 500
            assert await _made(alice) == 0
            async with house.service.db.transaction() as db:
                await db.execute("alter table idempotency_keys drop constraint broken")
            assert (await alice.api.post(GENERATE, json=alice.wish(), headers=KEY)).status_code == 202
            assert await _made(alice) == 1


async def test_a_failed_job_is_still_the_answer(alice: User) -> None:
    wish = alice.wish("A storm [sandbox:fail=Model timeout]")
    first = await alice.api.post(GENERATE, json=wish, headers=KEY)
    assert (await alice.until_final(first.json()["job_id"]))["status"] == "failed"
    assert (await alice.api.post(GENERATE, json=wish, headers=KEY)).content == first.content
    assert await alice.dust() == (1000, 0, 1000)


async def test_a_key_is_new_again_after_a_day_and_then_holds_again(house: House, alice: User) -> None:
    first = await alice.api.post(GENERATE, json=alice.wish(), headers=KEY)
    await _age(house, alice, "23 hours 59 minutes")
    assert (await alice.api.post(GENERATE, json=alice.wish(), headers=KEY)).content == first.content
    await _age(house, alice, "1 minute")
    second = await alice.api.post(GENERATE, json=alice.wish(duration="long"), headers=KEY)
    assert second.status_code == 202
    assert second.json()["job_id"] != first.json()["job_id"]
    again = await alice.api.post(GENERATE, json=alice.wish(duration="long"), headers=KEY)
    assert again.content == second.content
    assert await _made(alice) == 2


def _told(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


async def _made(user: User) -> int:
    """Jobs of this user; there are as many holds."""
    jobs = (await user.api.get("/videos/jobs")).json()["pagination"]["total"]
    entries = (await user.api.get("/dust/entries?limit=100")).json()["entries"]
    assert [entry["kind"] for entry in entries].count("hold") == jobs
    made: int = jobs
    return made


async def _age(house: House, user: User, by: str) -> None:
    async with house.service.db.transaction() as db:
        await db.execute(
            "update idempotency_keys set created_at = created_at - %(by)s::interval where user_id = %(user)s", {"by": by, "user": user.id}
        )
