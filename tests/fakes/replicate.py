"""Replicate's wire: predictions, the list, cancel, files, webhooks. Its renders take as long as they are told to."""

import asyncio
import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from typing import Any

import httpx

from dustreel.base.tls import trusted
from tests.fakes.scripted import Scripted
from tests.fakes.wire import Asked, Told

TOKEN = "r8_test"
SECRET = b"replicate's webhook secret"
PAGE = 100
# A thousand renders at once don't want to be woken more often.
CANCEL_SEEN_SECONDS = 0.1


@dataclass
class Prediction:
    id: str
    model: str
    input: dict[str, Any]
    webhook: str | None
    events: list[str]
    made_at: float = field(default_factory=time.time)
    cancelled: bool = False
    told: set[str] = field(default_factory=set)


class FakeReplicate(Scripted):
    """Kinds of requests: create, look, list, cancel, file, output, secret, account."""

    def __init__(self, video: bytes) -> None:
        super().__init__()
        self.reset(video)

    def reset(self, video: bytes) -> None:
        """As if nobody had been there."""
        self.forget()
        self.video = video
        self.predictions: dict[str, Prediction] = {}
        self.boot_seconds, self.render_seconds = 0.05, 0.2
        self.webhook_base: str | None = None
        """Where our public https address really is."""
        self.webhook_copies = 1
        self.outputs_gone = False
        self.cancels_ignored = 0
        self.state_shown: str | None = None
        """A state that is shown instead of `processing`."""

    @property
    def base_url(self) -> str:
        return f"{self.url}/v1"

    def of_prompt(self, prompt: str) -> list[Prediction]:
        return [made for made in self.predictions.values() if made.input.get("prompt") == prompt]

    def kind_of(self, asked: Asked) -> str:
        path = asked.path
        if path.startswith("/outputs/"):
            return "output"
        known = {"/v1/files": "file", "/v1/webhooks/default/secret": "secret", "/v1/predictions": "list", "/v1/account": "account"}
        if path in known:
            return known[path]
        if path.endswith("/predictions"):
            return "create"
        return "cancel" if path.endswith("/cancel") else "look"

    def may(self, kind: str, asked: Asked) -> bool:
        return kind == "output" or asked.headers.get("authorization") == f"Bearer {TOKEN}"

    def unwelcome(self) -> Told:
        return Told.of({"title": "Unauthenticated", "detail": "You did not pass a valid token", "status": 401}, 401)

    def broken(self, status: int) -> Told:
        return Told.of({"detail": "Request was throttled. Your rate limit resets in ~1s."}, status)

    def do(self, kind: str, asked: Asked) -> Told:
        # Named as the asker named us: a proxy may stand between.
        self.url = f"http://{asked.headers['host']}"
        parts = asked.path.split("/")
        match kind:
            case "create":
                return self._create("/".join(parts[3:5]), asked.json())
            case "list":
                return self._list(asked)
            case "account":
                return Told.of({"type": "organization", "username": "acme", "name": "Acme", "github_url": None})
            case "secret":
                return Told.of({"key": f"whsec_{base64.b64encode(SECRET).decode()}"})
            case "file":
                return self._file(asked)
            case "output":
                return Told(404) if self.outputs_gone else Told(200, self.video, {"content-type": "video/mp4"})
        made = self.predictions.get(parts[3])
        if made is None:
            return Told.of({"detail": "Not found"}, 404)
        if kind == "cancel" and self.cancels_ignored > 0:
            self.cancels_ignored -= 1
        elif kind == "cancel" and not self.is_over(made):
            made.cancelled = True
        return Told.of(self.shown(made))

    def _file(self, asked: Asked) -> Told:
        name = secrets.token_hex(8)
        content = part_of(asked)
        known = {"name": content.get_filename(), "content_type": content.get_content_type(), "size": len(content.get_payload(decode=True))}
        checks = {"etag": "d41d8c", "checksums": {"sha256": "e3b0c4"}, "metadata": {}}
        times = {"created_at": "2026-11-25T12:00:00.000Z", "expires_at": "2026-11-26T12:00:00.000Z"}
        return Told.of({"id": name, "urls": {"get": f"{self.url}/v1/files/{name}"}} | known | checks | times, 201)

    def _create(self, model: str, body: dict[str, Any]) -> Told:
        if not str(body["input"].get("prompt", "")).strip() or "invalid input" in body["input"]["prompt"]:
            return Told.of({"title": "Input validation failed", "detail": "- input.prompt: is not to our liking", "status": 422}, 422)
        return Told.of(self.shown(self.take(model, body["input"], body.get("webhook"), body.get("webhook_events_filter", []))), 201)

    def take(self, model: str, wanted: dict[str, Any], webhook: str | None = None, events: Sequence[str] = ()) -> Prediction:
        """A create that went well."""
        made = Prediction(secrets.token_hex(13), model, wanted | {"prompt_optimizer": True}, webhook, list(events))
        self.predictions[made.id] = made
        if made.webhook:
            self.later(self._tell(made))
        return made

    def _list(self, asked: Asked) -> Told:
        newest = sorted(self.predictions.values(), key=lambda made: -made.made_at)
        begin = int(asked.query.get("cursor", "0"))
        page = newest[begin : begin + PAGE]
        more = f"https://elsewhere.example/v1/predictions?cursor={begin + PAGE}" if len(newest) > begin + PAGE else None
        return Told.of({"results": [self.shown(made) for made in page], "next": more, "previous": None})

    def is_over(self, made: Prediction) -> bool:
        return time.time() - made.made_at >= self.boot_seconds + self.render_seconds

    def shown(self, made: Prediction) -> dict[str, Any]:
        """A prediction as a GET shows it now."""
        age = time.time() - made.made_at
        prompt = made.input["prompt"]
        value: dict[str, Any] = {
            "id": made.id,
            "model": made.model,
            "version": "hidden",
            "input": made.input,
            "output": None,
            "error": None,
            "logs": "",
            "created_at": datetime.fromtimestamp(made.made_at, UTC).isoformat().replace("+00:00", "Z"),
            "urls": {"get": f"{self.base_url}/predictions/{made.id}", "cancel": f"{self.base_url}/predictions/{made.id}/cancel"},
        }
        if made.cancelled:
            return value | {"status": "canceled"}
        if age < self.boot_seconds:
            return value | {"status": "starting"}
        if not self.is_over(made):
            share = (age - self.boot_seconds) / self.render_seconds
            return value | {
                "status": self.state_shown or "processing",
                "logs": f"loading\n  0%|          | 0/50\r {int(share * 100):2d}%|████      | {int(share * 50)}/50",
            }
        if "moderated" in prompt:
            return value | {"status": "failed", "error": "The input was flagged as sensitive. (E005)"}
        if "fails" in prompt:
            return value | {"status": "failed", "error": "CUDA out of memory"}
        return value | {"status": "succeeded", "output": f"{self.url}/outputs/{made.id}.mp4"}

    async def _tell(self, made: Prediction) -> None:
        await asyncio.sleep(self.boot_seconds)
        if "start" in made.events:
            await self.tell(made)
        while not (self.is_over(made) or made.cancelled):
            await asyncio.sleep(min(max(made.made_at + self.boot_seconds + self.render_seconds - time.time(), 0.005), CANCEL_SEEN_SECONDS))
        if "completed" in made.events:
            await self.tell(made)

    async def tell(self, made: Prediction, *, webhook_id: str | None = None, secret: bytes = SECRET, age: int = 0) -> list[int]:
        """Post a webhook, as many times as `webhook_copies` says; the statuses that came back. One that can't be delivered is given up."""
        assert made.webhook is not None and self.webhook_base is not None
        body = httpx.Response(200, json=self.shown(made)).content
        webhook_id, stamp = webhook_id or f"msg_{secrets.token_hex(8)}", str(int(time.time()) - age)
        signature = base64.b64encode(hmac.digest(secret, f"{webhook_id}.{stamp}.".encode() + body, hashlib.sha256)).decode()
        headers = {"webhook-id": webhook_id, "webhook-timestamp": stamp, "webhook-signature": f"v1,AAAA v1,{signature}"}
        address = self.webhook_base + httpx.URL(made.webhook).path
        statuses = []
        async with httpx.AsyncClient(verify=trusted()) as client:
            for _ in range(self.webhook_copies):
                try:
                    statuses.append((await client.post(address, content=body, headers=headers)).status_code)
                except httpx.HTTPError:
                    statuses.append(0)
        return statuses


def part_of(asked: Asked) -> Any:
    """The one part of a multipart body."""
    whole = message_from_bytes(b"Content-Type: " + asked.headers["content-type"].encode() + b"\r\n\r\n" + asked.body)
    _, part = whole.walk()
    assert part.get_param("name", header="content-disposition") == "content"
    return part
