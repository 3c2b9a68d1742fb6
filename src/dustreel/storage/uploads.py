"""Uploads in parts that a killed process left behind: nobody sees them, and everybody pays for them."""

import errno
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from xml.etree import ElementTree

import httpx

from dustreel.base.log import logger
from dustreel.base.tls import trusted
from dustreel.storage.signing import Bucket

log = logger(__name__)

# No file takes so long, so nobody else's upload under way is cut off.
ABANDONED = timedelta(hours=1)
SIGNED_SECONDS = 300


async def abandon_uploads(bucket: Bucket, *, within: float, below: str = "", older: timedelta | None = ABANDONED) -> int:
    """Abort every upload under the bucket's prefix that began so long ago, or at any time; returns how many. Raises OSError.

    `below` is what their keys begin with.
    """
    aborted = 0
    async with httpx.AsyncClient(verify=trusted(), timeout=within) as client:
        try:
            async for key, upload_id, age in _uploads(client, bucket, below):
                if older is not None and age < older:
                    continue
                which, url = {"uploadId": upload_id}, bucket.object_url(key.removeprefix(bucket.prefix))
                answer = await client.delete(bucket.presign("DELETE", url, at=_now(), seconds=SIGNED_SECONDS, query=which))
                if answer.status_code not in (200, 204, 404):
                    raise OSError(errno.EIO, f"an upload could not be aborted: HTTP {answer.status_code}")
                log.info("aborted an upload that was left half-sent", key=key)
                aborted += 1
        except httpx.HTTPError as failed:
            raise OSError(errno.EIO, f"the uploads under way can't be listed: {type(failed).__name__}") from failed
    return aborted


async def _uploads(client: httpx.AsyncClient, bucket: Bucket, below: str) -> AsyncIterator[tuple[str, str, timedelta]]:
    """Key, id and age of each upload under way, by the server's own clock."""
    after: dict[str, str] = {}
    while True:
        query = {"uploads": "", "prefix": bucket.prefix + below, **after}
        answer = await client.get(bucket.presign("GET", bucket.url, at=_now(), seconds=SIGNED_SECONDS, query=query))
        if answer.status_code != 200:
            raise OSError(errno.EIO, f"the uploads under way can't be listed: HTTP {answer.status_code}")
        now = parsedate_to_datetime(answer.headers["date"]) if "date" in answer.headers else _now()
        try:
            page = ElementTree.fromstring(answer.content)  # noqa: S314 - the operator's own server; expat bounds entities
            for upload in page.iterfind("{*}Upload"):
                began = datetime.fromisoformat(_text(upload, "Initiated"))
                yield _text(upload, "Key"), _text(upload, "UploadId"), now - began
            if _text(page, "IsTruncated") != "true":
                return
            after = {"key-marker": _text(page, "NextKeyMarker"), "upload-id-marker": _text(page, "NextUploadIdMarker")}
        except (ElementTree.ParseError, ValueError) as wrong:
            raise OSError(errno.EIO, f"the list of uploads under way can't be read: {wrong}") from wrong


def _text(element: ElementTree.Element, name: str) -> str:
    return element.findtext(f"{{*}}{name}") or ""


def _now() -> datetime:
    return datetime.now(UTC)
