"""Every wrong field, type, size, encoding, token and id gets the table's status and code, writes nothing and charges nothing."""

import difflib
import json
from typing import Any
from uuid import uuid4

import pytest

from tests.conftest import User

GENERATE, ANIMATE = "/videos/generate", "/videos/animate"

WRONG_FIELDS: list[tuple[dict[str, Any], str, str]] = [
    ({"prompt": ""}, "invalid_prompt", "prompt"),
    ({"prompt": "  \n "}, "invalid_prompt", "prompt"),
    ({"prompt": "x" * 2001}, "invalid_prompt", "prompt"),
    ({"prompt": "a\u0000b"}, "invalid_prompt", "prompt"),
    ({"prompt": "a\u0007b"}, "invalid_prompt", "prompt"),
    ({"prompt": "half of a pair: \ud83d"}, "invalid_prompt", "prompt"),
    ({"prompt": 7}, "validation_error", "prompt"),
    ({"prompt": ["a"]}, "validation_error", "prompt"),
    ({"duration": "forever"}, "validation_error", "duration"),
    ({"duration": 5}, "validation_error", "duration"),
    ({"duration": "SHORT"}, "validation_error", "duration"),
    ({"resolution": "720p"}, "validation_error", "resolution"),
    ({"resolution": True}, "validation_error", "resolution"),
    ({"aspect_ratio": "21:9"}, "validation_error", "aspect_ratio"),
    ({"aspect_ratio": "16:9 "}, "validation_error", "aspect_ratio"),
    ({"camera_fixed": "true"}, "validation_error", "camera_fixed"),
    ({"camera_fixed": 1}, "validation_error", "camera_fixed"),
    ({"user_id": "me"}, "invalid_user_id", "user_id"),
    ({"user_id": "{6f2c0a52-3a4e-4d0e-9a54-3d6a1b0c9f11}"}, "invalid_user_id", "user_id"),
    ({"user_id": 12}, "invalid_user_id", "user_id"),
    ({"reference_person": "my sister"}, "validation_error", "reference_person"),
    ({"reference_person": {}}, "validation_error", "reference_person.person_id"),
    ({"reference_person": {"person_id": "x", "relationship": "a"}}, "validation_error", "reference_person.person_id"),
    ({"reference_person": {"person_id": str(uuid4()), "relationship": ""}}, "invalid_relationship", "reference_person.relationship"),
    ({"reference_person": {"person_id": str(uuid4()), "relationship": "x" * 101}}, "invalid_relationship", "reference_person.relationship"),
    ({"reference_person": {"person_id": str(uuid4()), "relationship": "a", "age": 3}}, "validation_error", "reference_person.age"),
    ({"promt": "a cat"}, "validation_error", "promt"),
    ({"seed": 7}, "validation_error", "seed"),
]

WRONG_BODIES: list[tuple[bytes, int, str]] = [
    (b"", 400, "malformed_json"),
    (b"{", 400, "malformed_json"),
    (b"not json", 400, "malformed_json"),
    (b'{"prompt": "a", "prompt": "b"}', 400, "malformed_json"),
    (b'{"prompt": NaN}', 400, "malformed_json"),
    (b'{"prompt": Infinity}', 400, "malformed_json"),
    (b'{"prompt": "\xff\xfe"}', 400, "malformed_json"),
    (b'\xef\xbb\xbf{"prompt": "a"}', 400, "malformed_json"),
    (b"[" * 100_000, 400, "malformed_json"),
    (b'{"duration": ' + b"9" * 5_000 + b"}", 400, "malformed_json"),
    (b"[]", 422, "validation_error"),
    (b'"generate"', 422, "validation_error"),
    (b"null", 422, "validation_error"),
    (b'{"prompt": "' + b"x" * (256 << 10) + b'"}', 413, "payload_too_large"),
]


@pytest.mark.parametrize(("change", "code", "field"), WRONG_FIELDS)
async def test_a_wrong_field_is_told_and_costs_nothing(alice: User, change: dict[str, Any], code: str, field: str) -> None:
    body = json.dumps(alice.wish() | change)  # ensure_ascii: halves of surrogate pairs go out as escapes
    answer = await alice.api.post(GENERATE, content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
    assert field in [error["field"] for error in answer.json()["errors"]]
    await _nothing_happened(alice)


@pytest.mark.parametrize("field", ["prompt", "duration", "resolution", "aspect_ratio"])
async def test_a_missing_field_is_told(alice: User, field: str) -> None:
    answer = await alice.api.post(GENERATE, json={name: value for name, value in alice.wish().items() if name != field})
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_error")
    assert answer.json()["errors"] == [{"field": field, "message": "is required"}]


async def test_an_unknown_field_is_told_with_the_nearest_known_name(alice: User) -> None:
    answer = await alice.api.post(GENERATE, json=alice.wish() | {"aspectratio": "16:9"})
    assert answer.json()["errors"] == [{"field": "aspectratio", "message": "is not a field here; did you mean aspect_ratio?"}]


MANY: dict[str, Any] = {f"f{number:05d}": 1 for number in range(18_000)}


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names that were compared with the known ones, which takes its time."""
    names: list[str] = []

    def compare(name: str, *_: Any, **__: Any) -> list[str]:
        names.append(name)
        return []

    monkeypatch.setattr(difflib, "get_close_matches", compare)
    return names


@pytest.mark.parametrize(
    ("method", "path", "sent"),
    [
        ("POST", GENERATE, MANY),
        ("POST", GENERATE, {"reference_person": MANY}),
        ("PUT", "/videos/0b54a1de-52d8-4c22-a3a4-6d7c7ea4a3cb", MANY | {"is_favorited": True}),
    ],
)
async def test_of_very_many_wrong_fields_twenty_are_told(
    alice: User, compared: list[str], method: str, path: str, sent: dict[str, Any]
) -> None:
    answer = await alice.api.request(method, path, json=sent)
    told = answer.json()["errors"]
    assert (answer.status_code, answer.json()["code"], len(told)) == (422, "validation_error", 21)
    assert told[-1] == {"field": "", "message": "and 17,980 more"}
    assert len(answer.content) < 10_000 and len(compared) <= 20
    await _nothing_happened(alice)


async def test_of_some_wrong_fields_twenty_are_told_too(alice: User) -> None:
    wrong = {"prompt": 1, "duration": 1, "resolution": 1, "aspect_ratio": 1, "camera_fixed": 1} | {f"f{number}": 1 for number in range(18)}
    told = (await alice.api.post(GENERATE, json=alice.wish() | wrong)).json()["errors"]
    assert len(told) == 21
    assert told[-1] == {"field": "", "message": "and 3 more"}


async def test_a_very_long_name_is_not_repeated(alice: User) -> None:
    answer = await alice.api.post(GENERATE, json=alice.wish() | {"x" * 200_000: 1})
    assert answer.status_code == 422
    assert len(answer.content) < 2_000


async def test_of_very_many_parameters_few_are_looked_at(alice: User, compared: list[str]) -> None:
    assert (await alice.api.get("/videos?" + "&".join(f"f{number}=1" for number in range(2_000)))).status_code == 200
    assert len(compared) <= 20


@pytest.mark.parametrize("name", ["\ud800", "a\udfffb", "reference_person.\ud800"])
async def test_a_name_that_is_half_of_a_pair_is_told_all_the_same(alice: User, name: str) -> None:
    video = await alice.video()
    for method, path, known in (("POST", GENERATE, alice.wish()), ("PUT", f"/videos/{video['id']}", {"is_favorited": True})):
        body = json.dumps(known | {name: 1})
        answer = await alice.api.request(method, path, content=body, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (422, "validation_error"), answer.text


async def test_optional_fields_may_be_null(alice: User) -> None:
    body = alice.wish() | {"camera_fixed": None, "reference_person": None, "user_id": None}
    assert (await alice.api.post(GENERATE, json=body)).status_code == 202


async def test_a_prompt_is_trimmed_and_keeps_its_lines(alice: User) -> None:
    job = await alice.generate("  One line\n\tand another \U0001f42c [sandbox:instant]  ")
    video = (await alice.until_final(job))["video"]
    assert video["prompt"] == "One line\n\tand another \U0001f42c [sandbox:instant]"


@pytest.mark.parametrize(("body", "status", "code"), WRONG_BODIES)
async def test_a_wrong_body_is_told_and_costs_nothing(alice: User, body: bytes, status: int, code: str) -> None:
    for path in (GENERATE, ANIMATE):
        answer = await alice.api.post(path, content=body, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    await _nothing_happened(alice)


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
async def test_another_media_type_is_refused(alice: User, content_type: str | None) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    answer = await alice.api.post(GENERATE, content=json.dumps(alice.wish()), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


async def test_a_body_of_unknown_length_is_cut_off_at_the_limit(alice: User) -> None:
    async def endless() -> Any:
        for _ in range(400):
            yield b" " * 1024

    answer = await alice.api.post(GENERATE, content=endless(), headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")


@pytest.mark.parametrize("job_id", ["x", "1", "00000000-0000-0000-0000-000000000000", "%00", "6f2c0a523a4e4d0e9a543d6a1b0c9f11"])
async def test_a_job_that_is_not_there_is_not_found(alice: User, job_id: str) -> None:
    for method, path in (
        ("GET", f"/videos/jobs/{job_id}/status"),
        ("GET", f"/videos/jobs/{job_id}/result"),
        ("DELETE", f"/videos/jobs/{job_id}"),
    ):
        answer = await alice.api.request(method, path)
        assert answer.status_code == 404
        assert answer.json()["code"] in ("job_not_found", "not_found")


@pytest.mark.parametrize("video_id", ["x", "00000000-0000-0000-0000-000000000000", "jobs%2F"])
async def test_a_video_that_is_not_there_is_not_found(alice: User, video_id: str) -> None:
    for method, body in (("GET", None), ("PUT", {"is_favorited": True}), ("DELETE", None)):
        answer = await alice.api.request(method, f"/videos/{video_id}", json=body)
        assert answer.status_code == 404
        assert answer.json()["code"] in ("video_not_found", "not_found")


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "limit=1.5", "limit=-1", "limit=+5", "limit=", "limit=5&limit=6"])
async def test_a_wrong_limit_is_told(alice: User, query: str) -> None:
    answer = await alice.api.get(f"/videos?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_error")
    assert answer.json()["errors"][0]["field"] == "limit"


@pytest.mark.parametrize(
    "query", ["offset=-1", "offset=1000001", "favorites_only=yes", "favorites_only=1", "generation_type=video", "ofset=1"]
)
async def test_other_wrong_parameters_are_told(alice: User, query: str) -> None:
    answer = await alice.api.get(f"/videos?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_error")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"is_favorited": "true"},
        {"is_favorited": None},
        {"is_favorited": 1},
        {"is_favorited": True, "prompt": "another"},
        {"is_favorited": True, "colour": "red"},
        [],
    ],
)
async def test_an_update_of_anything_else_is_refused_and_changes_nothing(alice: User, body: Any) -> None:
    video = await alice.video()
    answer = await alice.api.put(f"/videos/{video['id']}", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_error")
    assert (await alice.api.get(f"/videos/{video['id']}")).json() == {"video": video}


async def test_a_video_may_be_written_back_as_it_was_read(alice: User) -> None:
    video = await alice.video()
    answer = await alice.api.put(f"/videos/{video['id']}", json=video | {"is_favorited": True})
    assert answer.status_code == 200
    assert answer.json()["video"]["is_favorited"] is True


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://example.com/a.jpg", "invalid_image_url"),
        ("ftp://example.com/a.jpg", "invalid_image_url"),
        ("file:///etc/passwd", "invalid_image_url"),
        ("data:image/png;base64,AAAA", "invalid_image_url"),
        ("", "invalid_image_url"),
        ("https://" + "x" * 2100, "invalid_image_url"),
        ("https://user:secret@example.com/a.jpg", "invalid_image_url"),
        ("https://127.0.0.1/a.jpg", "image_url_forbidden"),
        ("https://[::1]/a.jpg", "image_url_forbidden"),
        ("https://169.254.169.254/latest/meta-data", "image_url_forbidden"),
        ("https://localhost/a.jpg", "image_url_forbidden"),
        ("https://2130706433/a.jpg", "image_url_forbidden"),
        ("https://name.invalid/a.jpg", "image_url_forbidden"),
        ("http://dustreel.test/media/uploads/AAAAAAAAAAAAAAAAAAAAAAAA.jpg", "image_unreachable"),
    ],
)
async def test_a_wrong_image_url_is_told_and_costs_nothing(alice: User, url: str, code: str) -> None:
    body = {"user_id": str(alice.id), "image_url": url, "prompt": "dance", "duration": "short", "resolution": "sd_480p"}
    answer = await alice.api.post(ANIMATE, json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
    await _nothing_happened(alice)


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "tab\there", "grüße"])
async def test_an_unusable_idempotency_key_is_told(alice: User, key: str) -> None:
    answer = await alice.api.post(GENERATE, json=alice.wish(), headers=[(b"Idempotency-Key", key.encode())])
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_idempotency_key")
    await _nothing_happened(alice)


@pytest.mark.parametrize(("method", "path"), [("PATCH", "/videos"), ("POST", "/videos/stats"), ("GET", "/videos/generate"), ("PUT", "/me")])
async def test_another_method_is_refused_and_the_right_ones_are_named(alice: User, method: str, path: str) -> None:
    answer = await alice.api.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] and method not in answer.headers["allow"].split(", ")


async def test_every_error_has_the_one_body(alice: User) -> None:
    answer = await alice.api.get("/nowhere")
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert set(body) == {"type", "title", "status", "detail", "instance", "success", "error", "code", "request_id"}
    assert (body["success"], body["status"], body["code"], body["instance"]) == (False, 404, "not_found", "/nowhere")
    assert body["error"] == body["detail"]
    assert body["request_id"] == answer.headers["x-request-id"]


async def _nothing_happened(user: User) -> None:
    assert await user.dust() == (1000, 0, 1000)
    assert (await user.api.get("/videos/jobs")).json()["jobs"] == []
