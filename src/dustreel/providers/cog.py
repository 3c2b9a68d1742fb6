"""Cog (https://cog.run): a container of the operator's own with one model in it. It can't be looked at: its webhooks alone tell.

All facts of the wire were found by trying cog 0.23.1 with its server coglet; tests/providers/test_cog.py proves them.

- An order is known by our id while it runs: the same PUT again answers 202 and starts nothing, whatever its input says. Once it has ended,
  was cancelled, or the server was restarted, the same PUT runs it anew: that costs the time of a GPU and does no harm.
- What it does not take it says in its own words, and no webhook follows: 409 while busy, 503 before its setup has ended, 422 for an input
  that is wrong. A model whose process died answers 409, too, until the container is restarted; its health check alone tells.
- Its webhooks carry no signature: the token in the address, made of our secret and our id, is what a forger lacks. The last of an order is
  sent again, word for word, while we can't be reached or answer 5xx (twelve times in seven minutes, by its source); after any other answer
  it is lost. Those before it are sent once, every half second at most, and may come late.
- A restart forgets what was running, without a word: such an order ends at its deadline.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn
from uuid import UUID

import httpx

from dustreel.base.log import logger
from dustreel.providers.catalogue import Catalogue
from dustreel.providers.download import Download
from dustreel.providers.port import Knock, NotAccepted, NotAWebhook, Notice, Order, Phase, Refused, Sighting, Ticket, Unclear
from dustreel.providers.prediction import sighting_of
from dustreel.providers.vendor import Vendor, detail, object_in, words

log = logger(__name__)

# It says no time: one order after the other is made, and the next may be the one that ends.
BUSY_SECONDS = 5.0
EVENTS = ("start", "logs", "completed")
# A multiple of four characters, which are three bytes.
BASE64_AT_ONCE = 1 << 20

# Until somebody restarts the container.
_DEAD = frozenset({"SETUP_FAILED", "DEFUNCT"})
# Its model's process has died, or its own check of itself fails: what runs may still end, and what is new is not taken.
_ILL = _DEAD | {"UNHEALTHY"}
# `Prediction failed: Prediction failed: RuntimeError: Out of memory`: all but the last part is the machine's.
_MACHINERY = re.compile(r"^(?:Prediction failed: )*(?:[A-Za-z_.]*(?:Error|Exception): ?)?")
_DATA_URL = re.compile(r"data:[^,]{0,200};base64,")


class CogProvider:
    """A `RemoteProvider`, `Telling` and `Checkable`."""

    name = "cog"
    asked_twice_is_asked_once = True

    def __init__(self, url: str, catalogue: Catalogue, *, callback_url: str, secret: bytes) -> None:
        """`url` of the container, as in `http://10.0.0.7:5000`; `callback_url` is ours as the container reaches it.

        `secret` makes the tokens in our webhooks' addresses: any bytes, the same in every process and after a restart.
        """
        self.models = catalogue.models
        self.callback_url = callback_url.rstrip("/")
        self._catalogue, self._secret = catalogue, secret
        self._server = _Server("Cog", url, {})
        self._download = Download((), own=self._server.base_url)

    async def close(self) -> None:
        await self._server.close()
        await self._download.close()

    async def check(self) -> str:
        health = await self._health()
        if (illness := _illness(health)) is not None:
            raise Unclear(illness)
        return f"the container is {health.get('status')}"

    async def prepare(self, order: Order, model: str) -> Mapping[str, Any]:
        """A picture goes along as a data URL: the container need not reach us for it, and takes pictures of 30 MB without complaint."""
        recipe = self._catalogue.recipe(model)
        picture = None if order.picture is None else await asyncio.to_thread(_data_url, order.picture)
        return recipe.fill(order, picture)

    async def submit(self, model: str, sent: Mapping[str, Any], submission_id: UUID, webhook_url: str | None) -> Ticket:
        if webhook_url is None:
            raise NotAccepted("Cog tells by webhook only, and was given no address for one", for_good=True)
        upstream_id = str(submission_id)
        webhook = str(httpx.URL(webhook_url).copy_set_param("token", self._token(submission_id)))
        body = {"input": dict(sent), "webhook": webhook, "webhook_events_filter": EVENTS}
        try:
            taken = await self._server.order("PUT", f"/predictions/{upstream_id}", headers={"Prefer": "respond-async"}, json=body)
        except NotAccepted as no:
            # What is ill refuses in the words of what is busy, and would be waited for till the end of the job's time.
            if no.retry_after is not None and (illness := await self._known_illness()) is not None:
                raise NotAccepted(illness) from no
            raise
        if taken.get("id") != upstream_id:
            raise Unclear("Cog took the order without naming it")
        return Ticket(model, upstream_id)

    async def look(self, ticket: Ticket) -> Sighting:
        """WAITING while the server stands: it does not tell of orders. GONE where its model is dead. Raises Unclear."""
        health = await self._health()
        if health.get("status") not in _DEAD:
            return Sighting(Phase.WAITING)
        log.error("an order's model is dead", submission_id=ticket.upstream_id, error=_illness(health))
        return Sighting(Phase.GONE)

    async def _health(self) -> Mapping[str, Any]:
        return self._server.object_of(await self._server.ask("GET", "/health-check", also=()))

    async def _known_illness(self) -> str | None:
        try:
            return _illness(await self._health())
        except Unclear:
            return None

    async def cancel(self, ticket: Ticket) -> None:
        """The model stops at its next line of Python, so not within one long call. 404: it has ended, or was never there."""
        await self._server.ask("POST", f"/predictions/{ticket.upstream_id}/cancel")

    async def fetch(self, output: str, into: Path) -> None:
        """From a data URL, or from an http(s) address at the container's own host and port."""
        if output.startswith("data:"):
            await asyncio.to_thread(_decode, output, into)
        else:
            await self._download.to_file(output, into)

    async def read_webhook(self, knock: Knock) -> Notice:
        """Its id is the SHA-256 of its body, which a repetition shares."""
        if not self.gave(knock.submission_id, knock.token):
            raise NotAWebhook("its token is wrong")
        # With a video inside, a body is large enough to hold up everybody else.
        webhook_id, prediction = await asyncio.to_thread(_read, knock.body)
        upstream_id = str(knock.submission_id)
        if prediction.get("id") != upstream_id:
            raise NotAWebhook("it tells of another order than its address")
        return Notice(webhook_id, upstream_id, sighting_of(prediction, clean=_without_machinery))

    def gave(self, submission_id: UUID, token: str) -> bool:
        # As bytes: compare_digest refuses text that is not ASCII, and a forger may send any.
        return hmac.compare_digest(self._token(submission_id).encode(), token.encode(errors="replace"))

    def _token(self, submission_id: UUID) -> str:
        return hmac.digest(self._secret, str(submission_id).encode(), hashlib.sha256).hex()


class _Server(Vendor):
    """Cog's refusals are proofs where a vendor's gateway would leave a doubt."""

    def _sort_out(self, answer: httpx.Response) -> NoReturn:
        if answer.status_code in (409, 503) and _is_refusal(answer):
            raise NotAccepted(f"Cog takes no order now: {detail(answer)}", retry_after=BUSY_SECONDS)
        if answer.status_code == 422:
            # Never moderation, whatever words of the prompt it quotes.
            raise NotAccepted(f"Cog's model takes no such input: {_complaints(answer)}", for_good=True)
        super()._sort_out(answer)


def _is_refusal(answer: httpx.Response) -> bool:
    """Whether it is Cog's own, `{"error": …, "status": "failed"}`, and not that of something between us."""
    try:
        value = answer.json()
    except ValueError:
        return False
    return isinstance(value, dict) and value.get("status") == "failed"


def _complaints(answer: httpx.Response) -> str:
    """`seconds: 99 is greater than the maximum of 60`, from `{"detail": [{"loc": ["body", "input", "seconds"], "msg": …}]}`."""
    try:
        found = answer.json()["detail"]
        return "; ".join(f"{one['loc'][-1]}: {words(one)}" for one in found)
    except (ValueError, LookupError, TypeError):
        return detail(answer)


def _illness(health: Mapping[str, Any]) -> str | None:
    """In words; None where it is well, busy, or still starts."""
    status = health.get("status")
    if status not in _ILL:
        return None
    return f"Cog's model is broken ({status}): {(status in _DEAD and _last_line(health.get('setup'))) or 'it says nothing more'}"


def _last_line(setup: object) -> str:
    logs = setup.get("logs") if isinstance(setup, dict) else None
    return words((logs or "").strip().rpartition("\n")[2]) if isinstance(logs, str) else ""


def _read(body: bytes) -> tuple[str, Mapping[str, Any]]:
    return hashlib.sha256(body).hexdigest(), object_in(body)


def _without_machinery(said: str) -> str:
    return _MACHINERY.sub("", said).strip()


def _data_url(picture: Path) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(picture.read_bytes()).decode()}"


def _decode(url: str, into: Path) -> None:
    """Piece by piece, so that no second copy of the whole stands beside the text."""
    head = _DATA_URL.match(url)
    if head is None:
        raise Refused("The model's video is in no form that is known here")
    with into.open("wb") as file:
        for start in range(head.end(), len(url), BASE64_AT_ONCE):
            try:
                file.write(base64.b64decode(url[start : start + BASE64_AT_ONCE], validate=True))
            except (binascii.Error, ValueError) as wrong:
                raise Refused("The model's video is garbled") from wrong
