"""Replicate (https://replicate.com): a remote provider that lists its predictions and tells by webhook.

Wire facts: Replicate's HTTP reference, and its Python clients 1.0.7 and 2.0.0b4. A create has no idempotency key, so it is sent once,
never retried, and looked for in the list when its answer was lost.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from dustreel.base.clock import Clock
from dustreel.base.log import logger
from dustreel.providers.catalogue import Catalogue
from dustreel.providers.download import Download
from dustreel.providers.port import (
    Knock,
    NotAccepted,
    NotAWebhook,
    Notice,
    Order,
    Phase,
    Sighting,
    Ticket,
    Unclear,
)
from dustreel.providers.prediction import UNDER_WAY, sighting_of
from dustreel.providers.vendor import Vendor, object_in

log = logger(__name__)

BASE_URL = "https://api.replicate.com/v1"
# Where outputs lie for an hour.
OUTPUT_HOSTS = ("replicate.delivery",)

# Replicate takes larger pictures as uploads only.
DATA_URL_AT_MOST = 256_000
LIST_PAGES_AT_MOST = 10
# Their clock and ours; an order can't have been taken before it was written down.
CLOCKS_APART = timedelta(minutes=2)
# Standard Webhooks: older ones are replays.
WEBHOOK_SECONDS = 300
SECRET_SECONDS = 60.0


class ReplicateProvider:
    """A `RemoteProvider`, `Findable`, `Hooked` and `Checkable`."""

    name = "replicate"
    asked_twice_is_asked_once = False
    borrows_pictures = True

    def __init__(self, token: str, catalogue: Catalogue, *, clock: Clock, base_url: str = BASE_URL) -> None:
        self.models = catalogue.models
        self._catalogue, self._clock = catalogue, clock
        self._api = Vendor("Replicate", base_url, {"Authorization": f"Bearer {token}"})
        self._download = Download(OUTPUT_HOSTS, own=self._api.base_url)
        self._secret: bytes | None = None
        self._secret_learned_at = 0.0

    async def close(self) -> None:
        await self._api.close()
        await self._download.close()

    async def check(self) -> str:
        answer = self._api.object_of(await self._api.ask("GET", "/account", also=()))
        return f"the token is {answer.get('username', 'somebody')}'s"

    async def prepare(self, order: Order, model: str) -> Mapping[str, Any]:
        recipe = self._catalogue.recipe(model)
        picture = None if order.picture is None else order.picture_url or await self._picture(order.picture)
        return recipe.fill(order, picture)

    async def submit(self, model: str, sent: Mapping[str, Any], submission_id: UUID, webhook_url: str | None) -> Ticket:
        body: dict[str, Any] = {"input": dict(sent)}
        if webhook_url is not None:
            body |= {"webhook": webhook_url, "webhook_events_filter": ["start", "completed"]}
        upstream_id = (await self._api.order("POST", f"/models/{model}/predictions", json=body)).get("id")
        if not isinstance(upstream_id, str) or not upstream_id:
            raise Unclear("Replicate took the order without naming it")
        return Ticket(model, upstream_id)

    async def look(self, ticket: Ticket) -> Sighting:
        answer = await self._api.ask("GET", f"/predictions/{ticket.upstream_id}")
        if answer.status_code == 404:
            return Sighting(Phase.GONE)
        return sighting_of(self._api.object_of(answer))

    async def cancel(self, ticket: Ticket) -> None:
        # 404: there is nothing to cancel, as the look that follows will find.
        await self._api.ask("POST", f"/predictions/{ticket.upstream_id}/cancel")

    async def find(self, model: str, sent: Mapping[str, Any], *, since: datetime) -> list[str]:
        since -= CLOCKS_APART
        found: list[str] = []
        path = f"/predictions?created_after={since:%Y-%m-%dT%H:%M:%SZ}"
        for _ in range(LIST_PAGES_AT_MOST):
            page = self._api.object_of(await self._api.ask("GET", path))
            results = page.get("results") or []
            found += [one["id"] for one in results if _is_order(one, model, sent, since)]
            # Only the cursor of it: our token goes to their API's host and to no address that an answer names.
            path = f"/predictions?{httpx.URL(str(page['next'])).query.decode()}" if page.get("next") else ""
            if not path or (results and _time(results[-1].get("created_at")) < since):
                return found[::-1]
        raise Unclear("Replicate's list is longer than could be searched")

    async def fetch(self, output: str, into: Path) -> None:
        await self._download.to_file(output, into)

    async def read_webhook(self, knock: Knock) -> Notice:
        body = knock.body
        webhook_id, stamp, signatures = (knock.headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
        if not re.fullmatch(r"[0-9]{1,12}", stamp) or abs(self._clock.now().timestamp() - int(stamp)) > WEBHOOK_SECONDS:
            raise NotAWebhook("its timestamp is missing, or more than five minutes off")
        signed = f"{webhook_id}.{stamp}.".encode() + body
        if not _is_signed(signed, signatures, await self._webhook_secret()):
            # Secrets are rotated; a forger makes us ask once a minute at most.
            self._forget_old_secret()
            if not _is_signed(signed, signatures, await self._webhook_secret()):
                raise NotAWebhook("its signature is wrong")
        prediction = object_in(body)
        upstream_id = prediction.get("id")
        if not isinstance(upstream_id, str) or not webhook_id:
            raise NotAWebhook("it names no prediction")
        return Notice(webhook_id, upstream_id, is_under_way=prediction.get("status") in UNDER_WAY)

    def _forget_old_secret(self) -> None:
        if self._clock.monotonic() - self._secret_learned_at > SECRET_SECONDS:
            self._secret = None

    async def _webhook_secret(self) -> bytes:
        if self._secret is None:
            key = self._api.object_of(await self._api.ask("GET", "/webhooks/default/secret")).get("key")
            if not isinstance(key, str):
                raise Unclear("Replicate did not tell its webhook secret")
            try:
                self._secret = base64.b64decode(key.removeprefix("whsec_"), validate=True)
            except binascii.Error as wrong:
                raise Unclear("Replicate's webhook secret is not base64") from wrong
            self._secret_learned_at = self._clock.monotonic()
        return self._secret

    async def _picture(self, path: Path) -> str:
        data = await asyncio.to_thread(path.read_bytes)
        url = f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"
        if len(url) <= DATA_URL_AT_MOST:
            return url
        uploaded = await self._api.upload("POST", "/files", files={"content": ("picture.jpg", data, "image/jpeg")})
        address = uploaded.get("urls", {}).get("get")
        if not isinstance(address, str):
            raise NotAccepted("Replicate did not take the picture: it gave it no address")
        return address


def _is_signed(signed: bytes, signatures: str, secret: bytes) -> bool:
    ours = f"v1,{base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()}".encode()
    return any(hmac.compare_digest(ours, given.encode()) for given in signatures.split())


def _is_order(prediction: object, model: str, sent: Mapping[str, Any], since: datetime) -> bool:
    if not isinstance(prediction, dict) or not isinstance(prediction.get("id"), str) or not isinstance(prediction.get("input"), dict):
        return False
    if prediction.get("model") != model or _time(prediction.get("created_at")) < since:
        return False
    # They may add their defaults to what they were given, and never change it.
    return all(prediction["input"].get(name) == value for name, value in sent.items())


def _time(text: object) -> datetime:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError as wrong:
        raise Unclear("Replicate's list has a time that is none") from wrong
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
