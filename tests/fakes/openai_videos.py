"""The wire of `/v1/videos` in four dialects, as the servers' own sources have it. Its renders take as long as they are told to.

vLLM-Omni 0.30.0: entrypoints/openai/api_server.py, protocol/videos.py, video/generation/helpers.py. SGLang 0.5.23 and FastVideo 0.2.1: each
one's entrypoints/openai/video_api.py. OpenAI: its Python client 3.57.0; its words and statuses for what it refuses are from memory, as are
those of vLLM's own error handlers.
"""

import json
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Any

from tests.fakes.scripted import Scripted
from tests.fakes.wire import Asked, Told

KEY = "sk-test"
OPENAI_FIELDS = {"prompt", "model", "seconds", "size", "input_reference"}
OPENAI_SECONDS = {"4", "8", "12"}
OPENAI_SIZES = {"720x1280", "1280x720", "1024x1792", "1792x1024"}


class Dialect(StrEnum):
    OPENAI = "openai"
    VLLM = "vllm"
    SGLANG = "sglang"
    FASTVIDEO = "fastvideo"

    @property
    def checks_the_key(self) -> bool:
        return self in (Dialect.OPENAI, Dialect.VLLM)

    @property
    def deletes_for_good(self) -> bool:
        """Whether a DELETE answers `video.deleted`; the others answer the video, as `deleted`."""
        return self in (Dialect.OPENAI, Dialect.VLLM)


@dataclass
class Upload:
    filename: str
    content_type: str
    data: bytes


@dataclass
class Video:
    id: str
    form: dict[str, str]
    files: dict[str, Upload]
    made_at: float
    aborted: bool = False


class Refuse(Exception):
    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


class FakeVideos(Scripted):
    """Kinds of requests: create, look, list, cancel, content."""

    def __init__(self, video: bytes, dialect: Dialect, *, now: Callable[[], float] = time.time) -> None:
        super().__init__()
        self.dialect, self._now = dialect, now
        self.reset(video)

    def reset(self, video: bytes) -> None:
        """As if nobody had been there."""
        self.forget()
        self.video = video
        self.videos: dict[str, Video] = {}
        self.taken: list[Video] = []
        """Every order that was ever taken, whatever became of it."""
        self.served_model: str | None = None
        """The one model that vLLM-Omni has loaded; None for whatever is asked."""
        self.boot_seconds, self.render_seconds = 0.05, 0.2
        self.outputs_gone = False
        self.cloud: str | None = None
        """Where SGLang keeps its videos, when its operator has it upload them."""
        self.content_moved_to: str | None = None
        """A gateway's redirect."""
        self.cancels_pending = 0
        """How many more times vLLM-Omni says that it is still cancelling."""
        self.failure_code: int = 500
        """What vLLM-Omni says a failed job failed with."""
        self.state_shown: str | None = None
        """A state that is shown instead of the real one while it renders."""

    @property
    def base_url(self) -> str:
        return f"{self.url}/v1"

    def restart(self) -> None:
        """All jobs are in its memory."""
        self.videos.clear()

    def kind_of(self, asked: Asked) -> str:
        if asked.path == "/v1/videos":
            return "create" if asked.method == "POST" else "list"
        if asked.path.endswith("/content"):
            return "content"
        return "cancel" if asked.method == "DELETE" else "look"

    def may(self, kind: str, asked: Asked) -> bool:
        return not self.dialect.checks_the_key or asked.headers.get("authorization") == f"Bearer {KEY}"

    def unwelcome(self) -> Told:
        return self._no(401, "Unauthorized")

    def broken(self, status: int) -> Told:
        return self._no(status, "as the script has it") if status != 429 else self._busy()

    def do(self, kind: str, asked: Asked) -> Told:
        try:
            if kind == "create":
                return Told.of(self.shown(self._create(asked)))
            if kind == "list":
                return self._list(asked)
            made = self.videos.get(asked.path.split("/")[3])
            if made is None:
                raise Refuse(404, "Video not found")
            if kind == "content":
                return self._content(made, asked)
            return self._delete(made) if kind == "cancel" else self._look(made)
        except Refuse as no:
            return self._no(no.status, no.text)

    def _no(self, status: int, text: str) -> Told:
        match self.dialect:
            case Dialect.OPENAI:
                return Told.of({"error": {"message": text, "type": "invalid_request_error", "param": None, "code": None}}, status)
            case Dialect.VLLM if status == 401:
                return Told.of({"error": "Unauthorized"}, status)
            case Dialect.VLLM:
                return Told.of({"error": {"message": text, "type": HTTPStatus(status).phrase, "param": None, "code": status}}, status)
            case _ if status == 422:
                return Told.of({"detail": [{"type": "int_parsing", "loc": ["body", "seconds"], "msg": text, "input": "?"}]}, status)
            case _:
                return Told.of({"detail": text}, status)

    def _busy(self) -> Told:
        told = self._no(429, "Too many requests")
        return Told(told.status, told.body, told.headers | {"retry-after": "7"})

    def _create(self, asked: Asked) -> Video:
        form, files = self._asked_for(asked)
        wrong = self._wrong_with(form, files)
        if wrong is not None:
            raise wrong
        if "not to our liking" in form["prompt"]:
            raise Refuse(400, "The prompt is not to our liking")
        if "forbidden thing" in form["prompt"]:
            raise Refuse(400, "Your request was blocked by our moderation system.")
        return self.take(form, files)

    def _wrong_with(self, form: dict[str, str], files: dict[str, Upload]) -> Refuse | None:
        if not form.get("prompt") and (self.dialect is not Dialect.VLLM or "prompt" not in form):
            return Refuse(400, "Field required" if self.dialect is Dialect.VLLM else "prompt is required")
        match self.dialect:
            case Dialect.OPENAI:
                unknown = (form | files).keys() - OPENAI_FIELDS
                if unknown:
                    return Refuse(400, f"Unknown parameter: '{unknown.pop()}'.")
                is_known = form.get("seconds", "4") in OPENAI_SECONDS and form.get("size", "720x1280") in OPENAI_SIZES
                return None if is_known else Refuse(400, "Invalid value.")
            case Dialect.VLLM:
                if not (re.fullmatch(r"[1-9]\d*", form.get("seconds", "4")) and re.fullmatch(r"\d+x\d+", form.get("size", "1x1"))):
                    return Refuse(400, "String should match pattern")
                if self.served_model not in (None, form.get("model", self.served_model)):
                    text = f"Model mismatch: request specifies '{form['model']}' but server is running '{self.served_model}'."
                    return Refuse(400, text)
                return None
            case _:
                are_numbers = all(re.fullmatch(r"-?\d+", form.get(name, "0")) for name in ("seconds", "num_frames", "fps"))
                return None if are_numbers else Refuse(422, "Input should be a valid integer, unable to parse string as an integer")

    def _asked_for(self, asked: Asked) -> tuple[dict[str, str], dict[str, Upload]]:
        if asked.headers.get("content-type", "").startswith("multipart/form-data"):
            return parts(asked)
        if self.dialect is Dialect.VLLM:
            return {}, {}
        return {name: str(value) for name, value in json.loads(asked.body or b"{}").items()}, {}

    def take(self, form: dict[str, str], files: dict[str, Upload] | None = None) -> Video:
        """A create that went well."""
        ids = {Dialect.OPENAI: f"video_{secrets.token_hex(24)}", Dialect.VLLM: f"video_gen_{secrets.token_hex(16)}"}
        made = Video(ids.get(self.dialect, secrets.token_hex(16)), form, files or {}, self._now())
        self.videos[made.id] = made
        self.taken.append(made)
        return made

    def _list(self, asked: Asked) -> Told:
        default = {Dialect.OPENAI: 20, Dialect.SGLANG: 20}.get(self.dialect, 10**6)
        limit = int(asked.query.get("limit", default))
        if limit > 100 and "limit" in asked.query:
            raise Refuse(400 if self.dialect.checks_the_key else 422, "Input should be less than or equal to 100")
        is_newest_first = asked.query.get("order", "desc") == "desc"
        jobs = sorted(self.videos.values(), key=lambda made: int(made.made_at), reverse=is_newest_first)
        if "after" in asked.query:
            after = next((number for number, made in enumerate(jobs) if made.id == asked.query["after"]), len(jobs))
            jobs = jobs[after + 1 :]
        page = jobs[:limit]
        value: dict[str, Any] = {"object": "list", "data": [self.shown(made) for made in page]}
        if self.dialect is not Dialect.FASTVIDEO:
            ends = {"first_id": page[0].id if page else None, "last_id": page[-1].id if page else None}
            value |= ends | {"has_more": len(jobs) > limit}
        return Told.of(value)

    def _look(self, made: Video) -> Told:
        job = self.shown(made)
        if self.dialect is Dialect.VLLM and job["status"] == "failed":
            return Told.of(job, self.failure_code)
        return Told.of(job)

    def _delete(self, made: Video) -> Told:
        match self.dialect:
            case Dialect.OPENAI if not self.is_over(made):
                raise Refuse(400, "Only completed or failed videos can be deleted.")
            case Dialect.VLLM if not self.is_over(made):
                if self.cancels_pending:
                    self.cancels_pending -= 1
                    raise Refuse(409, "Cancellation in progress. Please try again later.")
                made.aborted = True
        shown = self.shown(made)
        del self.videos[made.id]
        if self.dialect.deletes_for_good:
            return Told.of({"id": made.id, "object": "video.deleted", "deleted": True})
        return Told.of(shown | {"status": "deleted"})

    def _content(self, made: Video, asked: Asked) -> Told:
        status = self.shown(made)["status"]
        variant = asked.query.get("variant")
        match self.dialect:
            case Dialect.VLLM if status == "failed":
                raise Refuse(422, "Video generation failed. Check job status for error details.")
            case Dialect.FASTVIDEO if status == "failed":
                raise Refuse(500, "Video generation failed")
            case Dialect.SGLANG if self.cloud is not None and status == "completed":
                raise Refuse(400, f"Video has been uploaded to cloud storage. Please use the cloud URL: {self.cloud}")
            case Dialect.SGLANG if variant not in (None, "0"):
                raise Refuse(404, f"Video variant {variant} not found")
            case Dialect.OPENAI if variant not in (None, "video"):
                return Told(200, b"a thumbnail", {"content-type": "image/webp"})
        if status != "completed":
            raise Refuse(404, "Generation is still in-progress")
        if self.outputs_gone:
            raise Refuse(404, "Generated video file not found on disk")
        if self.content_moved_to is not None:
            return Told(302, b"", {"location": self.content_moved_to})
        return Told(200, self.video, {"content-type": "video/mp4"})

    def is_over(self, made: Video) -> bool:
        return self._now() - made.made_at >= self.boot_seconds + self.render_seconds

    def shown(self, made: Video) -> dict[str, Any]:
        """A video as its server shows it now."""
        age, prompt = self._now() - made.made_at, made.form.get("prompt", "")
        share = min(max((age - self.boot_seconds) / self.render_seconds, 0.0), 1.0)
        status, progress, error = "queued", 0, None
        if self.is_over(made):
            error = next((text for word, text in _FAILURES.items() if word in prompt), None)
            status, progress = ("completed", 100) if error is None else ("failed", 0)
        elif age >= self.boot_seconds and self.dialect is not Dialect.FASTVIDEO:
            # vLLM-Omni tells no progress on the way.
            status, progress = "in_progress", 0 if self.dialect is Dialect.VLLM else int(share * 99)
        if self.state_shown is not None and status == "in_progress":
            status = self.state_shown
        return self._shown(made, status, progress, error)

    def _shown(self, made: Video, status: str, progress: int, error: str | None) -> dict[str, Any]:
        form, done_at = made.form, int(made.made_at + self.boot_seconds + self.render_seconds)
        value: dict[str, Any] = {
            "id": made.id,
            "object": "video",
            "model": form.get("model") or self.served_model or "sora-2",
            "status": status,
            "progress": progress,
            "created_at": int(made.made_at),
            "completed_at": done_at if status in ("completed", "failed") else None,
            "seconds": form.get("seconds", "4"),
            "size": form.get("size") or ("720x1280" if self.dialect is Dialect.OPENAI else ""),
            "error": None,
        }
        match self.dialect:
            case Dialect.OPENAI:
                code = "moderation_blocked" if error is not None and "moderation" in error else "video_generation_failed"
                value |= {"prompt": form["prompt"], "remixed_from_video_id": None, "expires_at": done_at + 3600}
                value["error"] = None if error is None else {"code": code, "message": error}
            case Dialect.VLLM:
                value |= _VLLM_EXTRAS | {"prompt": form["prompt"], "file_name": f"{made.id}.mp4" if status == "completed" else None}
                value |= {name: kind(form[name]) for name, kind in (("fps", float), ("num_frames", int)) if name in form}
                value["size"] = value["size"] or None
                value["error"] = None if error is None else {"code": self.failure_code, "message": error}
            case Dialect.SGLANG:
                url = self.cloud if status == "completed" else None
                value |= _SGLANG_EXTRAS | {"url": url, "file_path": None if url or error else f"/out/{made.id}.mp4"}
                value["error"] = None if error is None else {"message": error}
            case Dialect.FASTVIDEO:
                value |= _FASTVIDEO_EXTRAS | {"file_path": f"/out/videos/{made.id}.mp4"}
                value["error"] = None if error is None else {"message": error}
        return value


_SAID = re.compile(r'\b(name|filename|content-type)(?:="|: )([^"\r\n]*)', re.IGNORECASE)
_FAILURES = {"moderated": "Your request was blocked by our moderation system.", "fails": "CUDA out of memory"}
_VLLM_EXTRAS: dict[str, Any] = {
    "quality": "default",
    "remixed_from_video_id": None,
    "media_type": "video/mp4",
    "expires_at": None,
    "inference_time_s": None,
    "fps": 24.0,
    "num_frames": None,
    "duration_s": None,
    "metrics": None,
    "stage_durations": {},
    "peak_memory_mb": 0.0,
    "action": None,
}
_FASTVIDEO_EXTRAS = {"quality": "standard", "url": None, "peak_memory_mb": None, "inference_time_s": None}
_SGLANG_EXTRAS = _FASTVIDEO_EXTRAS | {
    "urls": None,
    "remixed_from_video_id": None,
    "expires_at": None,
    "file_paths": None,
    "num_outputs": None,
    "revised_prompt": None,
    "action": None,
    "lidar": None,
}


def parts(asked: Asked) -> tuple[dict[str, str], dict[str, Upload]]:
    """The fields and the files of a multipart body: a part that names a file is one."""
    form: dict[str, str] = {}
    files: dict[str, Upload] = {}
    boundary = asked.headers["content-type"].partition("boundary=")[2].strip('"').encode()
    _, *pieces, last = (b"\r\n" + asked.body).split(b"\r\n--" + boundary)
    assert last.startswith(b"--"), "a multipart body has an end"
    for piece in pieces:
        head, _, data = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        said = {name.lower(): value for name, value in _SAID.findall(head.decode())}
        if "filename" in said:
            files[said["name"]] = Upload(said["filename"], said.get("content-type", ""), data)
        else:
            form[said["name"]] = data.decode()
    return form, files
