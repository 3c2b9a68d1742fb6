"""What every vendor's HTTP has in common: an order is sent once, questions may be repeated, and no answer is taken for granted."""

import asyncio
import contextlib
import json
import re
import time
from collections.abc import Collection, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn

import httpx

from dustreel.base.tls import trusted
from dustreel.providers.port import NotAccepted, NotAWebhook, Refused, Unclear, plain

# Taking an order waits for nothing but a row on their side.
TIMES = httpx.Timeout(10.0, connect=5.0)
# For each request httpcore looks at every connection and at everybody who waits for one: with hundreds of orders under way that is half of
# what a request costs. So few are open, and the waiting is done here. Looks and orders don't wait for each other.
AT_ONCE = 16
WAIT_SECONDS = 10.0
_MODERATED = re.compile(r"flagged|nsfw|sensitive|moderat|content[ _]polic|safety|inappropriate", re.IGNORECASE)
_IN_SECONDS = re.compile(r"in ~?(\d{1,6}) ?s", re.IGNORECASE)
THROTTLED = 429
THROTTLED_SECONDS = 10.0
RETRY_AFTER_AT_MOST = 3_600.0
SAID_AT_MOST = 500
_BAR = re.compile(r"(\d{1,3})%\|")
# Characters from a log's end: a bar is drawn anew every moment.
LOGS_LOOKED_AT = 20_000


class Vendor:
    """One vendor's API."""

    def __init__(self, name: str, base_url: str, headers: Mapping[str, str]) -> None:
        """`name` as users know it. `headers` carry the token, which goes to this host and nowhere else: redirects are not followed."""
        self.name = name
        self._client = httpx.AsyncClient(
            base_url=base_url,
            headers=dict(headers),
            timeout=TIMES,
            limits=httpx.Limits(max_connections=3 * AT_ONCE, max_keepalive_connections=AT_ONCE),
            verify=trusted(),
        )
        self._orders, self._questions = asyncio.Semaphore(AT_ONCE), asyncio.Semaphore(AT_ONCE)

    @property
    def base_url(self) -> httpx.URL:
        return self._client.base_url

    async def close(self) -> None:
        await self._client.aclose()

    async def order(self, method: str, path: str, **what: Any) -> Mapping[str, Any]:
        """Send an order, once; returns the object answered. Raises Refused, NotAccepted where it was provably not taken; else Unclear."""
        try:
            answer = await self._exchange(self._orders, method, path, **what)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as failed:
            raise NotAccepted(f"{self.name} can't be reached: {reason(failed)}") from failed
        except httpx.HTTPError as failed:
            raise Unclear(f"{self.name} did not answer: {reason(failed)}") from failed
        if not answer.is_success:
            self._sort_out(answer)
        return self.object_of(answer)

    async def ask(self, method: str, path: str, *, also: Collection[int] = (404,), **what: Any) -> httpx.Response:
        """One exchange that may be repeated. Answers 2xx and the statuses of `also`; raises Unclear for all else."""
        try:
            answer = await self._exchange(self._questions, method, path, **what)
        except httpx.HTTPError as failed:
            raise Unclear(f"{self.name} did not answer: {reason(failed)}") from failed
        if not answer.is_success and answer.status_code not in also:
            raise Unclear(f"{self.name} answered {answer.status_code}", retry_after=retry_after(answer))
        return answer

    async def upload(self, method: str, path: str, **what: Any) -> Mapping[str, Any]:
        """Hand over a picture, which costs nothing. Raises NotAccepted."""
        try:
            answer = await self._client.request(method, path, **what)
            if answer.is_success:
                return self.object_of(answer)
        except (httpx.HTTPError, Unclear) as failed:
            raise NotAccepted(f"{self.name} did not take the picture: {reason(failed)}") from failed
        raise NotAccepted(f"{self.name} did not take the picture: it answered {answer.status_code}", retry_after=retry_after(answer))

    async def _exchange(self, places: asyncio.Semaphore, method: str, path: str, **what: Any) -> httpx.Response:
        """Raises httpx.HTTPError; PoolTimeout when nothing was sent, because too much is under way."""
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await places.acquire()
        except TimeoutError:
            raise httpx.PoolTimeout("too many requests are under way") from None
        try:
            return await self._client.request(method, path, **what)
        finally:
            places.release()

    def object_of(self, answer: httpx.Response) -> Mapping[str, Any]:
        """Raises Unclear where the answer is no JSON object."""
        try:
            value = answer.json()
        except ValueError as wrong:
            raise Unclear(f"{self.name}'s answer is not JSON") from wrong
        if not isinstance(value, dict):
            raise Unclear(f"{self.name}'s answer is not an object")
        return value

    def _sort_out(self, answer: httpx.Response) -> NoReturn:
        """What an answer to an order that is no success means."""
        said = detail(answer)
        if answer.status_code in (400, 422):
            if is_moderated(said):
                raise Refused(refusal(said))
            raise NotAccepted(said, for_good=True)
        if 400 <= answer.status_code < 500 and answer.status_code not in (408, 409):
            raise NotAccepted(f"{self.name} answered {answer.status_code}: {said}", retry_after=retry_after(answer))
        # Behind a gateway's 5xx the order may have been taken.
        raise Unclear(f"{self.name} answered {answer.status_code}: {said}")


def object_in(body: bytes) -> Mapping[str, Any]:
    """What a webhook's body says. Raises NotAWebhook where it is no JSON object."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as wrong:
        raise NotAWebhook("it is not JSON") from wrong
    if not isinstance(value, dict):
        raise NotAWebhook("it is not an object")
    return value


def detail(answer: httpx.Response) -> str:
    """Their own words, short enough for a row."""
    try:
        value = answer.json()
    except ValueError:
        return answer.reason_phrase or "no reason given"
    return words(value) or answer.reason_phrase or "no reason given"


def words(value: object) -> str:
    """The sentence in an error body, wherever its vendor puts it: `detail`, `error`, `message`, `title`, alone or in a list."""
    if isinstance(value, str):
        return plain(value)[:SAID_AT_MOST]
    if isinstance(value, list):
        return "; ".join(filter(None, map(words, value)))[:SAID_AT_MOST]
    if isinstance(value, dict):
        return next(filter(None, (words(value.get(name)) for name in ("detail", "error", "message", "msg", "title"))), "")
    return ""


def share_told(logs: object) -> float | None:
    """The last bar that tqdm drew in a log, 0.0 to 1.0; None before there is any. Splitting lines is not needed: a bar says what it is."""
    bars = _BAR.findall(logs[-LOGS_LOOKED_AT:]) if isinstance(logs, str) else []
    return min(int(bars[-1]), 100) / 100 if bars else None


def is_moderated(said: str) -> bool:
    """Whether a vendor's words mean that the prompt or the picture was not to its taste."""
    return _MODERATED.search(said) is not None


def refusal(said: str) -> str:
    """A vendor's words for the user; where they mean that it refused the prompt, said so."""
    return f"Model refused the prompt: {said}" if is_moderated(said) else said


def retry_after(answer: httpx.Response) -> float | None:
    """Seconds that it asked to be left alone: in its header (RFC 9110, section 10.2.3), or in its words, as in "resets in ~30s".

    Whoever throttles and says no time gets a default; whoever doesn't throttle and says none gets None. Nobody is waited for too long.
    """
    given = answer.headers.get("retry-after", "").strip()
    seconds: float | None = None
    if given.isascii() and given.isdigit():
        seconds = float(given)
    elif given:
        with contextlib.suppress(ValueError):
            seconds = parsedate_to_datetime(given).timestamp() - time.time()
    elif answer.status_code == THROTTLED:
        said = _IN_SECONDS.search(detail(answer))
        seconds = float(said[1]) if said else THROTTLED_SECONDS
    return None if seconds is None else min(max(seconds, 0.0), RETRY_AFTER_AT_MOST)


def reason(failed: Exception) -> str:
    return str(failed) or type(failed).__name__
