"""fal's wire: the queue, results, cancel, storage, webhooks with their keys. Its renders take as long as they are told to.

Shapes are those of fal's client 1.0.3 and of https://docs.fal.ai (queue, webhooks, request errors).
"""

import asyncio
import base64
import hashlib
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.fakes.scripted import Scripted
from tests.fakes.wire import Asked, Told

KEY = "key-id:key-secret"
CDN_TOKEN = "a token for the media host alone"
USER = "auth0|user"
_KINDS = {
    "/.well-known/jwks.json": "keys",
    "/storage/upload/initiate": "initiate",
    "/storage/auth/token": "token",
    "/files/upload": "cdn",
}
# What nobody is asked a key for: files lie open, and keys to verify with are public.
OPEN = ("output", "put", "cdn", "keys")


@dataclass
class Request:
    id: str
    model: str
    input: dict[str, Any]
    webhook: str | None
    headers: dict[str, str]
    made_at: float = field(default_factory=time.time)
    cancelled_at: float | None = None

    @property
    def app(self) -> str:
        """What its addresses have of the model's name."""
        return "/".join(self.model.split("/")[: 3 if self.model.startswith(("workflows/", "comfy/")) else 2])


class FakeFal(Scripted):
    """Kinds of requests: submit, status, result, cancel, initiate, put, token, cdn, output, keys."""

    def __init__(self, video: bytes) -> None:
        super().__init__()
        self.reset(video)

    def reset(self, video: bytes) -> None:
        """As if nobody had been there."""
        self.forget()
        self.video = video
        self.requests: dict[str, Request] = {}
        self.queue_seconds, self.render_seconds = 0.05, 0.2
        self.key = Ed25519PrivateKey.generate()
        self.webhook_base: str | None = None
        """Where our public https address really is."""
        self.webhook_copies = 1
        self.webhooks_lost = False
        self.stored: dict[str, bytes] = {}
        """What was uploaded, by path."""
        self.upload_base: str | None = None
        """Where storage says that uploads go, if elsewhere."""
        self.outputs_gone = False
        self.cancelled_vanish = False
        """Whether a cancelled request is forgotten, or shown as over."""
        self.cancels_ignored = 0
        self.state_shown: str | None = None
        """A state that is shown instead of IN_PROGRESS."""

    @property
    def jwks_url(self) -> str:
        return f"{self.url}/.well-known/jwks.json"

    @property
    def paid(self) -> int:
        """How many submissions were taken, and will be charged."""
        return len(self.requests)

    def of_kind(self, kind: str) -> list[Asked]:
        return [asked for known, asked in self.asked if known == kind]

    def kind_of(self, asked: Asked) -> str:
        path = asked.path
        if path in _KINDS:
            return _KINDS[path]
        if path.startswith("/files/"):
            return "put" if asked.method == "PUT" else "output"
        if "/requests/" in path:
            return path.partition("/requests/")[2].partition("/")[2] or "result"
        return "submit"

    def may(self, kind: str, asked: Asked) -> bool:
        return kind in OPEN or asked.headers.get("authorization") == f"Key {KEY}"

    def unwelcome(self) -> Told:
        return Told.of({"detail": "Cannot access application. Authentication is required."}, 401)

    def broken(self, status: int) -> Told:
        return Told.of({"detail": "Something broke"}, status)

    def do(self, kind: str, asked: Asked) -> Told:
        match kind:
            case "submit":
                return self._submit(asked)
            case "keys":
                return Told.of({"keys": [self.jwk(Ed25519PrivateKey.generate()), {"kty": "RSA", "n": "AQAB"}, self.jwk(self.key)]})
            case "token":
                token = {"token": CDN_TOKEN, "token_type": "Bearer", "base_url": self.url, "expires_at": "2999-01-01T00:00:00+00:00"}
                return Told.of(token)
            case "initiate":
                path = f"/files/b/{secrets.token_hex(8)}/{asked.json()['file_name']}"
                return Told.of({"upload_url": f"{self.upload_base or self.url}{path}?signature=x", "file_url": f"{self.url}{path}"})
            case "put":
                self.stored[asked.path] = asked.body
                return Told(200)
            case "cdn":
                return self._keep(asked)
            case "output":
                return Told(404) if self.outputs_gone else Told(200, self.video, {"content-type": "video/mp4"})
        made = self.requests.get(asked.path.split("/requests/")[1].split("/")[0])
        if made is None or f"/{made.app}/" != asked.path.split("requests/")[0] or (made.cancelled_at and self.cancelled_vanish):
            return Told.of({"status": "NOT_FOUND"} if kind == "cancel" else {"detail": "Request not found"}, 404)
        return {"status": self._status, "result": self._result, "cancel": self._cancel}[kind](made, asked)

    def _submit(self, asked: Asked) -> Told:
        if asked.path.startswith("/fal-ai/nobody/"):
            return Told.of({"detail": "Application 'nobody' not found"}, 404)
        wanted = asked.json()
        if "invalid input" in wanted.get("prompt", ""):
            return Told.of({"detail": [{"loc": ["body", "prompt"], "msg": "is not to our liking", "type": "value_error"}]}, 422)
        made = self.take(asked.path.strip("/"), wanted, asked.query.get("fal_webhook"), asked.headers)
        return Told.of({"status": "IN_QUEUE", "queue_position": 0, "logs": None, "metrics": {}} | self._addresses(made))

    def take(self, model: str, wanted: dict[str, Any], webhook: str | None = None, headers: Mapping[str, str] | None = None) -> Request:
        """A submit that went well."""
        made = Request(str(uuid4()), model, wanted, webhook, dict(headers or {}))
        self.requests[made.id] = made
        if made.webhook and self.webhook_base and not self.webhooks_lost:
            self.later(self._tell(made))
        return made

    def _addresses(self, made: Request) -> dict[str, Any]:
        at = f"{self.url}/{made.app}/requests/{made.id}"
        return {"request_id": made.id, "response_url": at, "status_url": f"{at}/status", "cancel_url": f"{at}/cancel"}

    def is_over(self, made: Request) -> bool:
        return made.cancelled_at is not None or time.time() - made.made_at >= self.queue_seconds + self.render_seconds

    def _status(self, made: Request, asked: Asked) -> Told:
        """202 until it is over. `logs` are null unless they are asked for."""
        age, shown = time.time() - made.made_at, self._addresses(made)
        with_logs = asked.query.get("logs") in ("1", "true", "True")
        if self.is_over(made):
            _, error = self.result_of(made)
            shown |= {"status": "COMPLETED", "logs": [self._line("done")] if with_logs else None, "metrics": {"inference_time": 0.2}}
            return Told.of(shown | error)
        if age < self.queue_seconds:
            return Told.of(shown | {"status": "IN_QUEUE", "queue_position": 2}, 202)
        share = (age - self.queue_seconds) / self.render_seconds
        bar = f"  0%|          | 0/50\r {int(share * 100):2d}%|████      | {int(share * 50)}/50"
        lines = [self._line("loading"), self._line(bar), self._line("a line without one")]
        return Told.of(shown | {"status": self.state_shown or "IN_PROGRESS", "logs": lines if with_logs else None}, 202)

    @staticmethod
    def _line(message: str) -> dict[str, str]:
        return {"message": message, "level": "INFO", "source": "USER", "timestamp": "2026-11-25T12:00:00.000000"}

    def result_of(self, made: Request) -> tuple[Told, dict[str, str]]:
        """What a request that is over answers, and what its status tells of that."""
        prompt = str(made.input.get("prompt", ""))
        if made.cancelled_at is not None:
            # fal's own status for it is 499, which is no status of the wire's standard; the kind is in the header all the same.
            error = {"detail": "Request was cancelled", "error_type": "client_cancelled"}
            return Told.of(error, 400, **{"x-fal-error-type": "client_cancelled"}), _error(error)
        if "moderated" in prompt:
            one = {"loc": ["body", "prompt"], "msg": "Rejected by a checker", "type": "content_policy_violation", "input": prompt}
            return Told.of({"detail": [one]}, 422), {}
        if "flagged" in prompt:
            one = {"loc": ["body", "prompt"], "msg": "The content was flagged by a content checker.", "type": "content_policy_violation"}
            return Told.of({"detail": [one]}, 422), {"error": "Invalid status code: 422"}
        if "times out" in prompt:
            error = {"detail": "Request timed out", "error_type": "request_timeout"}
            return Told.of(error, 504, **{"x-fal-error-type": "request_timeout"}), _error(error)
        if "too far" in prompt:
            return Told.of({"detail": [{"loc": ["body", "seed"], "msg": "Input should be less than 10", "type": "less_than"}]}, 422), {}
        if "blank" in prompt:
            return Told.of({"video": None}), {}
        file = {"url": f"{self.url}/files/b/{made.id}/out.mp4", "content_type": "video/mp4", "file_name": "out.mp4", "file_size": 1}
        return Told.of({"video": file, "seed": 42}, 200, **{"x-fal-request-id": made.id}), {}

    def _result(self, made: Request, _: Asked) -> Told:
        if not self.is_over(made):
            return Told.of({"detail": "Request is still in progress"}, 400)
        return self.result_of(made)[0]

    def _cancel(self, made: Request, _: Asked) -> Told:
        if self.is_over(made):
            return Told.of({"status": "ALREADY_COMPLETED"}, 400)
        if self.cancels_ignored > 0:
            self.cancels_ignored -= 1
        else:
            made.cancelled_at = time.time()
        return Told.of({"status": "CANCELLATION_REQUESTED"}, 202)

    def _keep(self, asked: Asked) -> Told:
        if asked.headers.get("authorization") != f"Bearer {CDN_TOKEN}":
            return Told.of({"detail": "Unauthorized"}, 401)
        path = f"/files/b/{secrets.token_hex(8)}/upload.bin"
        self.stored[path] = asked.body
        return Told.of({"access_url": f"{self.url}{path}"})

    @staticmethod
    def jwk(key: Ed25519PrivateKey) -> dict[str, str]:
        x = base64.urlsafe_b64encode(key.public_key().public_bytes_raw()).decode().rstrip("=")
        return {"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": secrets.token_hex(4), "x": x}

    def webhook(
        self, made: Request, *, body: bytes | None = None, key: Ed25519PrivateKey | None = None, age: int = 0
    ) -> tuple[dict[str, str], bytes]:
        """The headers and the body that tell of a request, signed now, or `age` seconds ago. `body` is told instead of how it stands."""
        told, error = self.result_of(made)
        shown = {"request_id": made.id, "gateway_request_id": str(uuid4()), "payload": httpx.Response(200, content=told.body).json()}
        failed = told.status >= 400
        state = {"status": "ERROR", "error": error.get("error", f"Invalid status code: {told.status}")} if failed else {"status": "OK"}
        body = httpx.Response(200, json=shown | state).content if body is None else body
        stamp = str(int(time.time()) - age)
        message = "\n".join((made.id, USER, stamp, hashlib.sha256(body).hexdigest())).encode()
        headers = {
            "x-fal-webhook-request-id": made.id,
            "x-fal-webhook-user-id": USER,
            "x-fal-webhook-timestamp": stamp,
            "x-fal-webhook-signature": (key or self.key).sign(message).hex(),
        }
        return headers, body

    async def _tell(self, made: Request) -> None:
        while not self.is_over(made):
            await asyncio.sleep(0.02)
        await self.tell(made)

    async def tell(self, made: Request, *, key: Ed25519PrivateKey | None = None, age: int = 0) -> list[int]:
        """Post a webhook, as many times as `webhook_copies` says; the statuses that came back. One that can't be delivered is given up."""
        assert made.webhook is not None and self.webhook_base is not None
        address = self.webhook_base + httpx.URL(made.webhook).raw_path.decode()
        statuses = []
        async with httpx.AsyncClient() as client:
            for _ in range(self.webhook_copies):
                headers, body = self.webhook(made, key=key, age=age)
                try:
                    statuses.append((await client.post(address, content=body, headers=headers)).status_code)
                except httpx.HTTPError:
                    statuses.append(0)
        return statuses


def _error(body: Mapping[str, str]) -> dict[str, str]:
    """An error's body as a status shows it."""
    return {"error": body["detail"], "error_type": body["error_type"]}
