"""Every endpoint of the contract, driven as a front end drives it: bodies, field names, types, nulls and codes."""

import re
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.conftest import User, eventually
from tests.contract.promises import example

TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
# Every place where the contract's words stand for a choice or an identifier.
USER_VIDEO = set(example("result.completed")["video"])


async def test_generate_answers_202_with_a_queued_job(alice: User) -> None:
    answer = await alice.api.post("/videos/generate", json=alice.wish())
    assert answer.status_code == 202
    body = answer.json()
    promised = example("generate.answer")
    assert body | {"job_id": "uuid", "estimated_completion_seconds": 240} == promised
    assert UUID(body["job_id"]) and isinstance(body["estimated_completion_seconds"], int)
    assert answer.headers["location"] == f"/videos/jobs/{body['job_id']}/status"


async def test_generate_takes_the_contracts_own_request(alice: User) -> None:
    request = example("generate.request")
    person = {"person_id": str(uuid4()), "relationship": "string"}
    request |= {"user_id": str(alice.id), "duration": "short", "resolution": "sd_480p", "aspect_ratio": "16:9", "reference_person": person}
    answer = await alice.api.post("/videos/generate", json=request | {"prompt": request["prompt"] + " [sandbox:instant]"})
    assert answer.status_code == 202
    video = (await alice.until_final(answer.json()["job_id"]))["video"]
    assert video["reference_person"] == person


async def test_animate_answers_202_with_a_queued_job(alice: User, picture_url: str) -> None:
    request = example("animate.request") | {
        "user_id": str(alice.id),
        "image_url": picture_url,
        "duration": "short",
        "resolution": "sd_480p",
    }
    answer = await alice.api.post("/videos/animate", json=request)
    assert answer.status_code == 202
    assert answer.json() | {"job_id": "uuid", "estimated_completion_seconds": 180} == example("animate.answer")


async def test_status_tells_where_a_job_stands(alice: User) -> None:
    job = await alice.generate("A storm [sandbox:seconds=60]")
    body = await alice.until(job, "processing")
    body = await eventually(lambda: _with_progress(alice, job), "progress to be told")
    assert set(body) == set(example("status.answer"))
    assert 0.0 < body["progress"] < 1.0
    assert set(body["generation_info"]) == {"current_step", "estimated_remaining_seconds"}
    assert body["generation_info"]["current_step"] == "Generating frames"
    assert isinstance(body["generation_info"]["estimated_remaining_seconds"], int)
    assert TIMESTAMP.fullmatch(body["created_at"]) and TIMESTAMP.fullmatch(body["updated_at"])
    await alice.api.delete(f"/videos/jobs/{job}")


async def test_a_completed_jobs_result_is_its_video(alice: User) -> None:
    result = await alice.until_final(await alice.generate("A fox in the snow [sandbox:instant]"))
    promised = example("result.completed")
    assert set(result) == set(promised)
    assert set(result["video"]) == USER_VIDEO
    video = result["video"]
    assert video["user_id"] == str(alice.id)
    assert (video["generation_type"], video["source_image_url"], video["reference_person"]) == ("text_to_video", None, None)
    assert (video["duration_seconds"], video["resolution"], video["aspect_ratio"]) == (5, "sd_480p", "16:9")
    assert video["is_favorited"] is False and isinstance(video["metadata"], dict)
    assert TIMESTAMP.fullmatch(video["created_at"]) and TIMESTAMP.fullmatch(video["updated_at"])
    assert re.fullmatch(r"http://dustreel\.test/media/videos/[\w-]{22,}\.mp4", video["url"])
    assert re.fullmatch(r"http://dustreel\.test/media/thumbnails/[\w-]{22,}\.jpg", video["thumbnail_url"])
    assert result["generation_info"]["model_used"] == "sandbox/animatic-1"
    assert isinstance(result["generation_info"]["generation_time_ms"], int)


async def test_a_completed_jobs_status_is_final_and_whole(alice: User) -> None:
    job = await alice.generate()
    await alice.until_final(job)
    body = await alice.status(job)
    assert (body["status"], body["progress"]) == ("completed", 1.0)
    assert set(body) == {"success", "job_id", "status", "progress", "created_at", "updated_at"}


async def test_a_failed_jobs_result_says_why(alice: User) -> None:
    job = await alice.generate("A storm [sandbox:fail=Model timeout]")
    assert await alice.until_final(job) == example("result.failed") | {"job_id": job}


async def test_a_running_jobs_result_says_to_wait(alice: User) -> None:
    job = await alice.generate("A storm [sandbox:hang]")
    await alice.until(job, "processing")
    assert await alice.result(job) == example("result.processing") | {"job_id": job}
    await alice.api.delete(f"/videos/jobs/{job}")


async def test_cancel_answers_as_promised_and_again_when_repeated(alice: User) -> None:
    job = await alice.generate("A storm [sandbox:hang]")
    for _ in range(2):
        answer = await alice.api.delete(f"/videos/jobs/{job}")
        assert (answer.status_code, answer.json()) == (200, example("cancel.answer") | {"job_id": job})
    assert await alice.result(job) == {
        "success": False,
        "job_id": job,
        "status": "cancelled",
        "error": "Video generation was cancelled",
    }


async def test_active_lists_live_jobs_oldest_first(alice: User) -> None:
    jobs = [await alice.generate("Waves [sandbox:hang]") for _ in range(3)]
    body = (await alice.api.get("/videos/jobs/active")).json()
    promised = example("active.answer")
    assert set(body) == set(promised) and body["success"] is True and body["count"] == 3
    assert [job["job_id"] for job in body["active_jobs"]] == jobs
    assert all(set(job) == set(promised["active_jobs"][0]) for job in body["active_jobs"])
    for job in jobs:
        await alice.api.delete(f"/videos/jobs/{job}")
    assert (await alice.api.get("/videos/jobs/active")).json() == {"success": True, "active_jobs": [], "count": 0}


async def test_the_list_pages_newest_first(alice: User) -> None:
    made = [(await alice.video(f"Clouds number {number} [sandbox:instant]"))["id"] for number in range(3)]
    first = (await alice.api.get("/videos?limit=2&offset=0&favorites_only=false&generation_type=all")).json()
    assert set(first) == set(example("list.answer"))
    assert [video["id"] for video in first["videos"]] == [made[2], made[1]]
    assert first["pagination"] == {"total": 3, "limit": 2, "offset": 0, "has_more": True}
    rest = (await alice.api.get("/videos?limit=2&offset=2")).json()
    assert [video["id"] for video in rest["videos"]] == [made[0]]
    assert rest["pagination"] == {"total": 3, "limit": 2, "offset": 2, "has_more": False}


async def test_the_list_filters_by_kind_and_favourites(alice: User) -> None:
    video = await alice.video()
    await alice.api.put(f"/videos/{video['id']}", json={"is_favorited": True})
    await alice.video()

    async def total(query: str) -> Any:
        return (await alice.api.get(f"/videos?{query}")).json()["pagination"]["total"]

    assert [await total("favorites_only=true"), await total("generation_type=text_to_video")] == [1, 2]
    assert await total("generation_type=image_to_video") == 0


async def test_a_video_is_read_updated_and_deleted(alice: User) -> None:
    video = await alice.video()
    read = await alice.api.get(f"/videos/{video['id']}")
    assert (read.status_code, read.json()) == (200, {"video": video})
    updated = await alice.api.put(f"/videos/{video['id']}", json=example("update.request"))
    assert updated.status_code == 200
    assert updated.json()["video"] | {"updated_at": video["updated_at"]} == video | {"is_favorited": True}
    deleted = await alice.api.delete(f"/videos/{video['id']}")
    assert (deleted.status_code, deleted.json()) == (200, example("delete.answer"))
    assert (await alice.api.get(video["url"])).status_code == 404
    again = await alice.api.delete(f"/videos/{video['id']}")
    assert (again.status_code, again.json()["code"]) == (404, "video_not_found")


async def test_the_result_of_a_deleted_video_is_not_found(alice: User) -> None:
    job = await alice.generate()
    video = (await alice.until_final(job))["video"]
    await alice.api.delete(f"/videos/{video['id']}")
    answer = await alice.api.get(f"/videos/jobs/{job}/result")
    assert (answer.status_code, answer.json()["code"]) == (404, "video_not_found")


async def test_stats_count_the_whole_service(alice: User) -> None:
    await alice.until_final(await alice.generate())
    body = (await alice.api.get("/videos/stats")).json()
    promised = example("stats.answer")
    assert {name: type(value) for name, value in body.items()} == {name: type(value) for name, value in promised.items()}
    assert body["is_running"] is True and body["jobs_processed"] >= 1 and body["average_processing_time_seconds"] > 0
    assert TIMESTAMP.fullmatch(body["last_job_completed_at"])


@pytest.mark.parametrize(
    ("duration", "seconds", "resolution", "aspect", "size"),
    [
        ("short", 5, "hd_720p", "16:9", (1280, 720)),
        ("medium", 10, "sd_480p", "9:16", (480, 854)),
        ("long", 15, "sd_480p", "1:1", (480, 480)),
        ("short", 5, "hd_1080p", "4:3", (1440, 1080)),
        ("short", 5, "4k_2160p", "3:4", (2160, 2880)),
    ],
)
async def test_what_is_delivered_is_what_was_asked(
    alice: User, duration: str, seconds: int, resolution: str, aspect: str, size: tuple[int, int]
) -> None:
    video = await alice.video(duration=duration, resolution=resolution, aspect_ratio=aspect)
    assert (video["duration_seconds"], video["resolution"], video["aspect_ratio"]) == (seconds, resolution, aspect)
    assert (video["metadata"]["width"], video["metadata"]["height"]) == size
    assert abs(video["metadata"]["duration"] - seconds) < 0.1


async def _with_progress(user: User, job: str) -> dict[str, Any] | None:
    body = await user.status(job)
    return body if body.get("progress", 0) > 0 else None
