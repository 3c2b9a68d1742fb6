"""Servers that speak OpenAI's Videos API (`/v1/videos`), on the operator's own machines or behind a gateway: a remote provider.

Wire facts: the servers of vLLM-Omni 0.30.0, SGLang 0.5.23 and FastVideo 0.2.1, and OpenAI's Python client 3.57.0. They differ in what they
answer, and are told apart by that alone:

- A job that failed is shown with 200, by vLLM-Omni with the 4xx or 5xx that it failed with.
- SGLang's progress goes from 0 to 99, vLLM-Omni's and FastVideo's is 0 until it is 100. FastVideo calls a job queued until it is done.
- DELETE stops the work of vLLM-Omni. SGLang and FastVideo forget the job and finish it all the same; OpenAI refuses to before the end.
- vLLM-Omni and OpenAI list each job with its prompt, so a lost order can be found there; SGLang and FastVideo don't show one.
- The self-hosted ones keep their jobs in memory: after a restart they know of none.

There is no idempotency key: an order is sent once, and never again.
"""

import asyncio
import base64
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx

from dustreel.base.log import logger
from dustreel.providers.catalogue import Catalogue
from dustreel.providers.download import Download
from dustreel.providers.port import Order, Phase, Refused, Sighting, Ticket, Unclear
from dustreel.providers.vendor import Vendor, refusal, retry_after, words

log = logger(__name__)

# A cropped photograph of fifty megapixels fits in it; it waits in our database as a third more of base64.
PICTURE_BYTES_AT_MOST = 16 << 20
PICTURE_START = "data:image/jpeg;base64,"
# The most that SGLang and vLLM-Omni give at once.
PAGE = 100
LIST_PAGES_AT_MOST = 10
# Their clock and ours, and theirs shows whole seconds.
CLOCKS_APART = timedelta(minutes=2)
# What the list shows of what was asked.
SHOWN = ("prompt", "seconds", "size")

_PHASES = {
    "queued": Phase.WAITING,
    "in_progress": Phase.RENDERING,
    "processing": Phase.RENDERING,
    "completed": Phase.SUCCEEDED,
    "failed": Phase.FAILED,
    "cancelled": Phase.CANCELLED,
    "canceled": Phase.CANCELLED,
    "deleted": Phase.CANCELLED,
}
_ANY_FAILURE = range(400, 600)
# Finished already, unknown, without such a route, or being cancelled: whatever it is, a look tells.
_NO_CANCEL = (400, 404, 405, 409, 422)
# A gateway may have no such route.
_NO_LIST = (404, 405)


class OpenAICompatibleProvider:
    """A `RemoteProvider`, and `Findable` as far as the server's list shows what was asked."""

    name = "openai_compatible"
    asked_twice_is_asked_once = False

    def __init__(self, base_url: str, catalogue: Catalogue, *, api_key: str | None = None) -> None:
        """`base_url` ends in the API's version, as in `http://gpu-1:8000/v1`; `api_key` goes to that host and nowhere else."""
        self.models = catalogue.models
        self._catalogue = catalogue
        headers = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
        self._api = Vendor("The video server", base_url, headers)
        self._download = _OwnDownload(self._api.base_url, headers)

    async def close(self) -> None:
        await self._api.close()
        await self._download.close()

    async def check(self) -> str:
        await self._api.ask("GET", "/videos", also=(), params={"limit": "1"})
        return "the server answers"

    async def prepare(self, order: Order, model: str) -> Mapping[str, Any]:
        """`form` has the fields as text, `files` the picture as a data URL, each by the name that the recipe gives it.

        What a caller may write ends up in the prompt and in the picture: SGLang has fields that name files on its disk.
        """
        recipe = self._catalogue.recipe(model)
        picture = None if order.picture is None else await asyncio.to_thread(_data_url, order.picture)
        values = recipe.fill(order, picture)
        files = {name: values.pop(name) for name in (recipe.inputs.picture,) if name is not None and name in values}
        return {"form": {name: _text(value) for name, value in values.items()}, "files": files}

    async def submit(self, model: str, sent: Mapping[str, Any], submission_id: UUID, webhook_url: str | None) -> Ticket:
        # As multipart even without a picture: SGLang and FastVideo take any other body for JSON. A part without a file's name is a field.
        parts: list[tuple[str, Any]] = [(name, (None, value.encode(), None)) for name, value in ({"model": model} | sent["form"]).items()]
        parts += [(name, ("picture.jpg", _bytes(url), "image/jpeg")) for name, url in sent["files"].items()]
        upstream_id = (await self._api.order("POST", "/videos", files=parts)).get("id")
        if not isinstance(upstream_id, str) or not upstream_id:
            raise Unclear("The video server took the order without naming it")
        return Ticket(model, upstream_id)

    async def look(self, ticket: Ticket) -> Sighting:
        answer = await self._api.ask("GET", _path(ticket.upstream_id), also=_ANY_FAILURE)
        if answer.is_success:
            return _sighting(self._api.object_of(answer), ticket.upstream_id)
        failed = _job_of(answer)
        if failed is not None:
            return _sighting(failed, ticket.upstream_id)
        if answer.status_code == 404:
            return Sighting(Phase.GONE)
        raise Unclear(f"The video server answered {answer.status_code}", retry_after=retry_after(answer))

    async def cancel(self, ticket: Ticket) -> None:
        await self._api.ask("DELETE", _path(ticket.upstream_id), also=_NO_CANCEL)

    async def find(self, model: str, sent: Mapping[str, Any], *, since: datetime) -> list[str]:
        """Orders with a picture are never found: no list shows it, and somebody else's video could be taken for ours."""
        if sent["files"]:
            return []
        since -= CLOCKS_APART
        found: list[str] = []
        query: dict[str, str | int] = {"limit": PAGE, "order": "desc"}
        for _ in range(LIST_PAGES_AT_MOST):
            answer = await self._api.ask("GET", "/videos", params=query, also=_NO_LIST)
            page = self._api.object_of(answer) if answer.is_success else {}
            listed = page.get("data")
            jobs = listed if isinstance(listed, list) else []
            found += [job["id"] for job in jobs if _is_order(job, model, sent["form"], since)]
            # FastVideo doesn't say whether there is more, nor what was asked: its list proves nothing, however long.
            if not jobs or page.get("has_more") is not True or _time(jobs[-1]) < since:
                return found[::-1]
            query["after"] = str(jobs[-1].get("id"))
        raise Unclear("The video server's list is longer than could be searched")

    async def fetch(self, output: str, into: Path) -> None:
        await self._download.to_file(output if "://" in output else str(self._api.base_url).rstrip("/") + output, into)


class _OwnDownload(Download):
    """With the key. No other host is listed, so an address or a redirect that leads away from the operator's own is refused."""

    def __init__(self, own: httpx.URL, headers: Mapping[str, str]) -> None:
        super().__init__((), own=own)
        self._client.headers.update(headers)


def _path(upstream_id: str) -> str:
    return f"/videos/{quote(upstream_id, safe='')}"


def _text(value: object) -> str:
    """As a form has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _data_url(picture: Path) -> str:
    if picture.stat().st_size > PICTURE_BYTES_AT_MOST:
        raise Refused("The picture is too large for the model: more than 16 MiB")
    return PICTURE_START + base64.b64encode(picture.read_bytes()).decode()


def _bytes(data_url: str) -> bytes:
    return base64.b64decode(data_url.removeprefix(PICTURE_START))


def _job_of(answer: httpx.Response) -> Mapping[str, Any] | None:
    """The job in an answer that is no success; None where it holds only an error."""
    try:
        value = answer.json()
    except ValueError:
        return None
    is_job = isinstance(value, dict) and isinstance(value.get("id"), str) and isinstance(value.get("status"), str)
    return value if is_job else None


def _sighting(job: Mapping[str, Any], upstream_id: str) -> Sighting:
    status = job.get("status")
    phase = _PHASES.get(status) if isinstance(status, str) else None
    if phase is None:
        log.warning("a video is in a state that we don't know", status=str(status)[:80])
        return Sighting(Phase.WAITING)
    if phase is Phase.RENDERING:
        return Sighting(phase, progress=_share(job.get("progress")))
    if phase is Phase.FAILED:
        return Sighting(phase, error=refusal(words(job.get("error")) or "The model failed without a reason"))
    if phase is Phase.SUCCEEDED:
        # SGLang names the address where an operator has it keep its videos elsewhere; the download sees to it that this is no other host.
        elsewhere = job.get("url")
        return Sighting(phase, output=elsewhere if isinstance(elsewhere, str) and "://" in elsewhere else f"{_path(upstream_id)}/content")
    return Sighting(phase)


def _share(progress: object) -> float | None:
    """Of percent. 0 says nothing: vLLM-Omni shows it until the end."""
    if isinstance(progress, bool) or not isinstance(progress, int | float) or progress <= 0:
        return None
    return min(progress, 100) / 100


def _is_order(job: object, model: str, form: Mapping[str, str], since: datetime) -> bool:
    if not isinstance(job, dict) or not isinstance(job.get("id"), str) or job.get("model") != model or _time(job) < since:
        return False
    shown = {name: str(job[name]) for name in SHOWN if job.get(name) is not None}
    return "prompt" in form and all(shown.get(name) == form[name] for name in SHOWN if name in form)


def _time(job: object) -> datetime:
    moment = job.get("created_at") if isinstance(job, dict) else None
    try:
        return datetime.fromtimestamp(float(str(moment)), UTC)
    except (ValueError, OverflowError, OSError) as wrong:
        raise Unclear("The video server's list has a time that is none") from wrong
