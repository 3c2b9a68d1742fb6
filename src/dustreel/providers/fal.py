"""fal (https://fal.ai): a remote provider with a queue, which has no list of its requests and tells by signed webhook.

Wire facts: fal's Python client 1.0.3, and https://docs.fal.ai (queue, webhooks, request errors), read in November 2026. A submit has no
idempotency key, so it is sent once and never again, though fal's own client would send it up to ten times.
"""

import asyncio
import base64
import hashlib
import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from dustreel.base.clock import Clock
from dustreel.base.log import logger
from dustreel.providers.catalogue import Catalogue
from dustreel.providers.download import Download
from dustreel.providers.port import Knock, NotAccepted, NotAWebhook, Notice, Order, Phase, Sighting, Ticket, Unclear
from dustreel.providers.vendor import Vendor, is_moderated, object_in, refusal, retry_after, share_told, words

log = logger(__name__)

QUEUE_URL = "https://queue.fal.run"
REST_URL = "https://rest.fal.ai"
JWKS_URL = "https://rest.fal.ai/.well-known/jwks.json"
# Outputs and uploads lie on v3.fal.media and its sisters (the client's CDN_URL, and every example of an answer).
MEDIA_HOST = "fal.media"
# Signed addresses to upload to may be of the store beneath it.
UPLOAD_HOSTS = (MEDIA_HOST, "storage.googleapis.com")

# fal takes longer ones too, and an order's input is kept in our database: what is large is uploaded.
DATA_URL_AT_MOST = 256_000
# For good is fal's default for uploads. A day is longer than any order waits.
PICTURE_LIFE = json.dumps({"expiration_duration_seconds": 86_400})
# "fal will not retry the request even if it fails due to a retryable error" (docs, reliability): a run is ours to repeat, and to count.
NO_RETRY = {"x-fal-no-retry": "1"}
# What stands before owner and name in some models' names (the client's APP_NAMESPACES).
NAMESPACES = ("workflows", "comfy")
# Answers to a request for a result that say something about us, and nothing about the result.
ABOUT_US = (401, 403, 408, 425, 429)
CANCELLED_STATUS = 499
WEBHOOK_SECONDS = 300
# "You can cache the JWKS for up to 24 hours" (docs, webhooks).
KEYS_SECONDS = 86_400.0
KEYS_AGAIN_SECONDS = 60.0


class FalProvider:
    """A `RemoteProvider`, `Hooked` and `Checkable`."""

    name = "fal"
    asked_twice_is_asked_once = False
    borrows_pictures = True

    def __init__(
        self,
        key: str,
        catalogue: Catalogue,
        *,
        clock: Clock,
        queue_url: str = QUEUE_URL,
        rest_url: str = REST_URL,
        jwks_url: str = JWKS_URL,
    ) -> None:
        """`key` as fal shows it, `id:secret`; it goes to `queue_url` and `rest_url`, and nowhere else."""
        self.models = catalogue.models
        self._catalogue, self._clock = catalogue, clock
        authorization = {"Authorization": f"Key {key}"}
        self._queue = Vendor("fal", queue_url, authorization)
        self._rest = Vendor("fal", rest_url, authorization)
        self._keyless = Vendor("fal", rest_url, {})
        self._download = Download((MEDIA_HOST,), own=self._queue.base_url)
        self._webhook_keys = _WebhookKeys(self._keyless, jwks_url, clock)

    async def close(self) -> None:
        for one in (self._queue, self._rest, self._keyless, self._download):
            await one.close()

    async def check(self) -> str:
        """By a token for its media host, which its client asks for before uploads, and which costs nothing."""
        answer = await self._rest.ask("POST", "/storage/auth/token", also=(), params={"storage_type": "fal-cdn-v3"}, json={})
        if not isinstance(self._rest.object_of(answer).get("token"), str):
            raise Unclear("fal did not say whether it knows the key")
        return "the key is valid"

    async def prepare(self, order: Order, model: str) -> Mapping[str, Any]:
        recipe = self._catalogue.recipe(model)
        picture = None if order.picture is None else order.picture_url or await self._picture(order.picture)
        return recipe.fill(order, picture)

    async def submit(self, model: str, sent: Mapping[str, Any], submission_id: UUID, webhook_url: str | None) -> Ticket:
        query = {} if webhook_url is None else {"fal_webhook": webhook_url}
        taken = await self._queue.order("POST", f"/{model}", params=query, headers=NO_RETRY, json=dict(sent))
        upstream_id = taken.get("request_id")
        if not isinstance(upstream_id, str) or not upstream_id:
            raise Unclear("fal took the order without naming it")
        return Ticket(model, upstream_id)

    async def look(self, ticket: Ticket) -> Sighting:
        path = _path(ticket)
        answer = await self._queue.ask("GET", f"{path}/status", params={"logs": "1"})
        if answer.status_code == 404:
            return Sighting(Phase.GONE)
        status = self._queue.object_of(answer)
        match status.get("status"):
            case "IN_QUEUE":
                return Sighting(Phase.WAITING)
            case "IN_PROGRESS":
                return Sighting(Phase.RENDERING, progress=_progress(status.get("logs")))
            case "COMPLETED":
                return outcome(status, await self._queue.ask("GET", path, also=range(400, 600)))
            case unknown:
                log.warning("a request is in a state that we don't know", status=str(unknown)[:80])
                return Sighting(Phase.WAITING)

    async def cancel(self, ticket: Ticket) -> None:
        # 400 is ALREADY_COMPLETED and 404 NOT_FOUND: there is nothing to cancel, as the look that follows will find.
        await self._queue.ask("PUT", f"{_path(ticket)}/cancel", also=(400, 404))

    async def fetch(self, output: str, into: Path) -> None:
        await self._download.to_file(output, into)

    async def read_webhook(self, knock: Knock) -> Notice:
        request_id, user_id, stamp, signature = (
            knock.headers.get(f"x-fal-webhook-{name}", "") for name in ("request-id", "user-id", "timestamp", "signature")
        )
        if not re.fullmatch(r"[0-9]{1,12}", stamp) or abs(self._clock.now().timestamp() - int(stamp)) > WEBHOOK_SECONDS:
            raise NotAWebhook("its timestamp is missing, or more than five minutes off")
        if not re.fullmatch(r"[0-9a-fA-F]{128}", signature):
            raise NotAWebhook("its signature is missing, or none")
        signed = "\n".join((request_id, user_id, stamp, hashlib.sha256(knock.body).hexdigest())).encode()
        if not await self._webhook_keys.have_signed(signed, bytes.fromhex(signature)):
            raise NotAWebhook("its signature is wrong")
        upstream_id = object_in(knock.body).get("request_id")
        if not isinstance(upstream_id, str) or not upstream_id:
            raise NotAWebhook("it names no request")
        # One is sent for each request, when it is over; a repetition has another timestamp, and the same request.
        return Notice(upstream_id, upstream_id)

    async def _picture(self, path: Path) -> str:
        data = await asyncio.to_thread(path.read_bytes)
        url = f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"
        return url if len(url) <= DATA_URL_AT_MOST else await self._uploaded(data)

    async def _uploaded(self, data: bytes) -> str:
        """Ask for a place, and put it there without our key. The client sends both headers of a picture's life; either may be heard."""
        place = await self._rest.upload(
            "POST",
            "/storage/upload/initiate",
            params={"storage_type": "fal-cdn-v3"},
            headers={"X-Fal-Object-Lifecycle": PICTURE_LIFE, "X-Fal-Object-Lifecycle-Preference": PICTURE_LIFE},
            json={"file_name": "picture.jpg", "content_type": "image/jpeg"},
        )
        into, address = place.get("upload_url"), place.get("file_url")
        if not isinstance(into, str) or not isinstance(address, str) or not self._is_theirs(into):
            raise NotAccepted("fal did not take the picture: it gave it no address")
        try:
            await self._keyless.ask("PUT", into, also=(), headers={"Content-Type": "image/jpeg"}, content=data)
        except Unclear as failed:
            raise NotAccepted(f"fal did not take the picture: {failed}") from failed
        return address

    def _is_theirs(self, address: str) -> bool:
        """Whether an address that an answer names is one of fal's, and not one in our own network."""
        try:
            url = httpx.URL(address)
        except httpx.InvalidURL:
            return False
        own = self._rest.base_url
        if (url.scheme, url.host, url.port) == (own.scheme, own.host, own.port):
            return True
        return (
            url.scheme == "https" and url.port is None and any(url.host == host or url.host.endswith(f".{host}") for host in UPLOAD_HOSTS)
        )


def outcome(status: Mapping[str, Any], answer: httpx.Response) -> Sighting:
    """What a request that is COMPLETED came to: `status` may carry an error, and the result's own answer may be one. Raises Unclear.

    There is no other state for what failed. An answer that is an error has the model's words (`detail`), or fal's (`error_type`).
    """
    body = _body(answer)
    kinds = _kinds(status, answer, body)
    if "client_cancelled" in kinds or answer.status_code == CANCELLED_STATUS:
        return Sighting(Phase.CANCELLED)
    failed = status.get("error") or status.get("error_type")
    if not failed and answer.is_success:
        return _made(body)
    said = "" if answer.is_success else words(body)
    if not failed:
        if answer.status_code in (404, 410):
            return Sighting(Phase.GONE)
        # A 5xx of the model's names its kind, one of a gateway's does not.
        if answer.status_code in ABOUT_US or "still in progress" in said or (answer.status_code >= 500 and not kinds):
            raise Unclear(f"fal answered {answer.status_code} when asked for a result", retry_after=retry_after(answer))
    return Sighting(Phase.FAILED, error=_reason(said or words(status.get("error")) or "The model failed without a reason", kinds))


def _made(body: object) -> Sighting:
    if not isinstance(body, dict):
        raise Unclear("fal's result is not an object")
    video = body.get("video")
    address = video.get("url") if isinstance(video, dict) else None
    if not isinstance(address, str):
        return Sighting(Phase.FAILED, error="The model made no video")
    return Sighting(Phase.SUCCEEDED, output=address)


def _kinds(status: Mapping[str, Any], answer: httpx.Response, body: object) -> list[str]:
    """fal's machine-readable names for what went wrong, from wherever it puts them."""
    named: list[object] = [status.get("error_type"), answer.headers.get("x-fal-error-type")]
    detail = body
    if isinstance(body, dict):
        named.append(body.get("error_type"))
        detail = body.get("detail")
    if isinstance(detail, list):
        named += [one.get("type") for one in detail if isinstance(one, dict)]
    return [name for name in named if isinstance(name, str) and name]


def _reason(said: str, kinds: list[str]) -> str:
    """Their words; where only the kind tells that it was moderated, with it."""
    moderated = next(filter(is_moderated, kinds), None)
    return refusal(said if moderated is None or is_moderated(said) else f"{said} ({moderated})")


def _body(answer: httpx.Response) -> object:
    try:
        return answer.json()
    except ValueError:
        return None


def _path(ticket: Ticket) -> str:
    """Where a request is asked about. A model's subpath is no part of it: only owner and name are, behind a namespace if there is one."""
    parts = ticket.model.split("/")
    app = parts[: 3 if parts[0] in NAMESPACES else 2]
    return f"/{'/'.join(app)}/requests/{quote(ticket.upstream_id, safe='')}"


def _progress(logs: object) -> float | None:
    """None before there is any. A line of theirs is `{"message": …}`."""
    lines = logs if isinstance(logs, list) else []
    return share_told("\n".join(str(line.get("message")) for line in lines if isinstance(line, dict)))


class _WebhookKeys:
    """fal's public keys: kept for a day, and asked for anew once a minute at most when a signature is by none of them."""

    def __init__(self, api: Vendor, url: str, clock: Clock) -> None:
        self._api, self._url, self._clock = api, url, clock
        self._keys: list[Ed25519PublicKey] = []
        self._learned_at = self._asked_at = -math.inf
        self._asking = asyncio.Lock()

    async def have_signed(self, message: bytes, signature: bytes) -> bool:
        """Raises Unclear where the keys can't be had."""
        if self._known(message, signature) and self._clock.monotonic() - self._learned_at <= KEYS_SECONDS:
            return True
        # Anybody can make us ask: so one asks at a time, and once a minute.
        async with self._asking:
            if self._clock.monotonic() - self._asked_at > KEYS_AGAIN_SECONDS:
                await self._learn()
        if not self._keys:
            raise Unclear("fal did not tell its webhook keys")
        return self._known(message, signature)

    def _known(self, message: bytes, signature: bytes) -> bool:
        return any(_verifies(key, message, signature) for key in self._keys)

    async def _learn(self) -> None:
        self._asked_at = self._clock.monotonic()
        listed = self._api.object_of(await self._api.ask("GET", self._url, also=())).get("keys")
        keys = [key for one in listed if (key := _key(one)) is not None] if isinstance(listed, list) else []
        if not keys:
            raise Unclear("fal did not tell its webhook keys")
        self._keys, self._learned_at = keys, self._asked_at


def _key(jwk: object) -> Ed25519PublicKey | None:
    """RFC 8037: `x` is the key, base64url without padding. None for what is no Ed25519 key."""
    x = jwk.get("x") if isinstance(jwk, dict) else None
    try:
        return Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(f"{x}==")) if isinstance(x, str) else None
    except ValueError:
        return None


def _verifies(key: Ed25519PublicKey, message: bytes, signature: bytes) -> bool:
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True
