"""Which store a URL means, and whether it can be used: told at the start, in one sentence."""

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

import httpx

from dustreel.base.errors import Misconfigured
from dustreel.base.tls import trusted
from dustreel.storage.disk import DiskStore
from dustreel.storage.s3 import S3Store
from dustreel.storage.signing import Bucket

FORMS = "file:///a/folder, s3://bucket/prefix or r2://account/bucket"
REACHED_SECONDS = 10.0

_BUCKET = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{1,62}")
_PREFIX = re.compile(r"([A-Za-z0-9._-]+/)*")
# Of S3's error bodies.
_CODE = re.compile(r"<Code>([A-Za-z]+)</Code>")
_WHY = {
    "NoSuchBucket": "there is no such bucket",
    "InvalidAccessKeyId": "AWS_ACCESS_KEY_ID is not known there",
    "SignatureDoesNotMatch": "the key is refused; check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "AccessDenied": "the key may not use this bucket",
    "ExpiredToken": "AWS_SESSION_TOKEN has expired",
    "RequestTimeTooSkewed": "this machine's clock is wrong",
    "AuthorizationHeaderMalformed": "AWS_REGION is not the bucket's",
    "AuthorizationQueryParametersError": "AWS_REGION is not the bucket's",
    "PermanentRedirect": "AWS_REGION is not the bucket's",
}


@dataclass(frozen=True, slots=True)
class Access:
    """How we are known at a bucket's server."""

    access_key_id: str = ""
    secret_access_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)
    region: str = ""
    endpoint: str = ""
    """Empty means Amazon's own."""


async def open_store(url: str, access: Access | None = None) -> DiskStore | S3Store:
    """The store behind a URL, once it has been seen to answer. Raises Misconfigured for one that can't be used."""
    parts = urlsplit(url)
    if parts.scheme == "file" and not parts.netloc:
        return DiskStore(Path(unquote(parts.path)))
    if parts.scheme not in ("s3", "r2") or parts.query or parts.fragment:
        raise Misconfigured(f"DUSTREEL_STORAGE_URL can't be {url!r}: it must be like {FORMS}.")
    bucket = bucket_of(parts, access or Access())
    await _reach(url, bucket)
    return S3Store(bucket)


def bucket_of(parts: SplitResult, access: Access) -> Bucket:
    """Raises Misconfigured."""
    url = parts.geturl()
    name, _, prefix = f"{parts.netloc}{parts.path}".partition("/")
    endpoint = access.endpoint or f"https://s3.{access.region or 'us-east-1'}.amazonaws.com"
    region = access.region or "us-east-1"
    if parts.scheme == "r2":
        account, (name, _, prefix) = name, prefix.partition("/")
        if not re.fullmatch(r"[0-9a-zA-Z.-]+", account):
            raise Misconfigured(f"DUSTREEL_STORAGE_URL can't be {url!r}: R2's form is r2://account/bucket.")
        endpoint, region = access.endpoint or f"https://{account}.r2.cloudflarestorage.com", "auto"
    prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
    if not _BUCKET.fullmatch(name) or not _PREFIX.fullmatch(prefix) or any(part in (".", "..") for part in prefix.split("/")):
        raise Misconfigured(f"DUSTREEL_STORAGE_URL can't be {url!r}: it must be like {FORMS}.")
    if not access.access_key_id or not access.secret_access_key:
        raise Misconfigured(f"The storage {url} needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.")
    # A Host header does not say the port that goes without saying, and what is signed is the header.
    endpoint = endpoint.removesuffix(":443" if endpoint.startswith("https://") else ":80")
    bucket = Bucket(endpoint, name, region, access.access_key_id, access.secret_access_key, access.session_token)
    return replace(bucket, prefix=prefix)


async def _reach(url: str, bucket: Bucket) -> None:
    """Ask for one name in the bucket. Raises Misconfigured."""
    query = {"list-type": "2", "max-keys": "1", "prefix": bucket.prefix}
    try:
        async with httpx.AsyncClient(verify=trusted(), timeout=REACHED_SECONDS) as client:
            answer = await client.get(bucket.presign("GET", bucket.url, at=datetime.now(UTC), seconds=60, query=query))
    except (httpx.HTTPError, httpx.InvalidURL) as failed:
        why = str(failed).rstrip(".") or f"no answer within {REACHED_SECONDS:.0f} seconds"
        raise Misconfigured(f"The storage {url} at {bucket.endpoint} can't be reached: {why}.") from failed
    if answer.status_code == 200 and b"ListBucketResult" in answer.content:
        return
    code = _CODE.search(answer.text[:4_000])
    why = (code and (_WHY.get(code[1]) or code[1])) or "this is no S3 server"
    raise Misconfigured(f"The storage {url} can't be used: {why} (HTTP {answer.status_code} from {bucket.endpoint}).")
