"""Objects in a bucket: Amazon's S3, Cloudflare's R2, and whatever else speaks that API. Bounded memory, and an end to every wait."""

import asyncio
import errno
import hashlib
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, timedelta
from functools import partial
from io import BufferedReader
from pathlib import Path
from typing import IO, TYPE_CHECKING

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store as Client

from dustreel.base.log import logger
from dustreel.storage.keys import is_key
from dustreel.storage.links import PUBLIC_CACHE
from dustreel.storage.port import StoredObject
from dustreel.storage.signing import Bucket
from dustreel.storage.uploads import ABANDONED, abandon_uploads

if TYPE_CHECKING:  # obstore has these in its stubs only
    from obstore import AsyncWritableFile, Attributes, GetOptions, GetResult, PutMode

log = logger(__name__)

# R2 wants all parts but the last equal, and S3 wants them no smaller than this; 10,000 of them hold 48 GiB.
PART_BYTES = 5 << 20
# Parts on their way at once: what a video of any size costs in memory. R2 has been seen to refuse more than two or three of one upload.
PARTS_AT_ONCE = 2
# Smaller files go in one request, which can be told to make the object only where there is none.
WHOLE_BYTES = 8 << 20
CHUNK_BYTES = 256 << 10
SHA256 = "sha256"
TRIES = 3
READ_RETRIES = 3


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds."""

    connect: float = 5.0
    request: float = 60.0
    """One request with its answer: the slowest line that a part of 5 MiB gets through is one of 90 kB a second."""
    silence: float = 20.0
    """Between two reads of an object."""
    again: float = 60.0
    """How long after its beginning a request is sent once more."""
    retries: int = 8
    """With pauses of 20 seconds in all: what was rendered, and perhaps paid for, outlasts a moment of the server's."""

    @property
    def step(self) -> float:
        """No single step takes longer, however often it was tried again."""
        return self.again + self.request + 5.0


class S3Store:
    """Path style, signed payloads (so the server checks what it gets), no ACLs, no tags, no checksum trailers: what R2 takes, too."""

    def __init__(self, bucket: Bucket, *, patience: Patience | None = None) -> None:
        self.bucket, self._patience = bucket, patience or Patience()
        wait = self._patience
        self._client = self._opened(timeout=wait.request, silence=wait.request, retries=wait.retries)
        # What is handed through goes as slowly as its viewer takes it: only silence ends it. And a viewer is told soon.
        self._reader = self._opened(timeout=86_400.0, silence=wait.silence, retries=min(wait.retries, READ_RETRIES))
        self._knows_conditions = True

    def _opened(self, *, timeout: float, silence: float, retries: int) -> Client:
        bucket, patience = self.bucket, self._patience
        return Client(
            bucket.name,
            prefix=bucket.prefix.rstrip("/") or None,
            endpoint=bucket.endpoint,
            region=bucket.region,
            access_key_id=bucket.access_key_id,
            secret_access_key=bucket.secret_access_key,
            config={"session_token": bucket.session_token} if bucket.session_token else {},
            virtual_hosted_style_request=False,
            # Whatever AWS_SKIP_SIGNATURE and the like say, which obstore reads by itself.
            skip_signature=False,
            unsigned_payload=False,
            disable_tagging=True,
            # One DELETE each: the other way wants an MD5 sum or a checksum that not every server takes.
            disable_bulk_delete=True,
            client_options={
                "allow_http": bucket.endpoint.startswith("http://"),
                "connect_timeout": timedelta(seconds=patience.connect),
                "timeout": timedelta(seconds=timeout),
                "read_timeout": timedelta(seconds=silence),
            },
            retry_config={
                "max_retries": retries,
                "retry_timeout": timedelta(seconds=patience.again),
                "backoff": {"init_backoff": timedelta(milliseconds=200), "max_backoff": timedelta(seconds=5), "base": 2},
            },
        )

    async def put_file(self, key: str, file: Path, content_type: str) -> None:
        _check(key)
        opened, size = await asyncio.to_thread(_open, file)
        try:
            if size <= WHOLE_BYTES:
                await self.put_bytes(key, await asyncio.to_thread(opened.read), content_type)
                return
            # Before the first byte goes: what is kept beside the object goes ahead of it.
            found, sha256 = await asyncio.gather(self.head(key), asyncio.to_thread(_sum_of, opened))
            if found is None or not await self._is(found, size, sha256):
                await self._put_parts(key, opened, size, _attributes(content_type, sha256))
        finally:
            await asyncio.to_thread(opened.close)

    async def put_bytes(self, key: str, data: bytes, content_type: str) -> None:
        _check(key)
        sha256 = hashlib.sha256(data).hexdigest()
        attributes = _attributes(content_type, sha256)
        until = time.monotonic() + self._patience.again
        for number in range(1, TRIES + 1):
            try:
                with _told(key):
                    await self._in_time(lambda: self._create(key, data, attributes))
                return
            except FileExistsError:
                # An answer of an earlier try may have been lost.
                found = await self.head(key)
                if found is None or not await self._is(found, len(data), sha256):
                    raise
                return
            except PermissionError:
                raise
            except OSError as failed:
                if number == TRIES or time.monotonic() > until:
                    raise
                log.info("storing an object again", key=key, error=str(failed))
                await asyncio.sleep(random.uniform(0.2, 0.5) * 4 ** (number - 1))

    async def read(self, key: str, *, at_most: int) -> bytes:
        with _told(key):
            got = await self._in_time(lambda: self._get(key))
            if got.meta["size"] > at_most:
                raise OSError(errno.EFBIG, f"{key} is larger than {at_most} bytes")
            data = b"".join([chunk async for chunk in self._chunks(got)])
        _compare(key, got, len(data), hashlib.sha256(data).hexdigest())
        return data

    async def fetch(self, key: str, into: Path) -> None:
        with _told(key):
            got = await self._in_time(lambda: self._get(key))
        file = await asyncio.to_thread(into.open, "xb")
        try:
            summed, size = hashlib.sha256(), 0
            with _told(key):
                async for chunk in self._chunks(got):
                    await asyncio.to_thread(_write, file, chunk, summed)
                    size += len(chunk)
            await asyncio.to_thread(file.close)
            _compare(key, got, size, summed.hexdigest())
        except BaseException:
            file.close()
            into.unlink(missing_ok=True)  # noqa: ASYNC240 - what was cancelled must not wait
            raise

    async def delete(self, key: str) -> bool:
        try:
            with _told(key):
                await self._in_time(lambda: obstore.delete_async(self._client, _check(key)))
        except FileNotFoundError as missing:
            # A bucket that is not there is no proof of anything.
            return "NoSuchBucket" not in str(missing.__cause__)
        except OSError as failed:
            log.warning("an object could not be removed", key=key, error=str(failed))
            return False
        return True

    async def list_objects(self) -> AsyncIterator[StoredObject]:
        with _told("the bucket"):
            pages = obstore.list(self._client, chunk_size=1_000)
            while (page := await self._in_time(lambda: anext(pages, None))) is not None:
                for found in page:
                    if is_key(found["path"]):
                        yield StoredObject(found["path"], found["size"], found["last_modified"].astimezone(UTC))

    async def head(self, key: str) -> StoredObject | None:
        try:
            with _told(key):
                got = await self._in_time(lambda: self._get(key, {"head": True}))
        except FileNotFoundError:
            return None
        return StoredObject(key, got.meta["size"], got.meta["last_modified"].astimezone(UTC), got.attributes.get(SHA256))

    async def digest(self, key: str) -> str:
        summed = hashlib.sha256()
        with _told(key):
            async for chunk in self._chunks(await self._in_time(lambda: self._get(key))):
                summed.update(chunk)
        return summed.hexdigest()

    async def open_range(self, key: str, first: int, last: int) -> AsyncIterator[bytes]:
        with _told(key):
            got = await self._in_time(lambda: self._get(key, {"range": (first, last + 1)}))
            async for chunk in self._chunks(got):
                yield chunk

    async def sweep(self, *, older: timedelta | None = ABANDONED) -> int:
        return await abandon_uploads(self.bucket, within=self._patience.step, older=older)

    async def _create(self, key: str, data: bytes, attributes: "Attributes") -> None:
        try:
            mode: PutMode = "create" if self._knows_conditions else "overwrite"
            await obstore.put_async(self._client, key, data, attributes=attributes, mode=mode, use_multipart=False)
        except BaseError as failed:
            if not self._knows_conditions or "NotImplemented" not in str(failed):
                raise
            # A server that has no If-None-Match: keys are random, and nothing is lost but a second belt.
            self._knows_conditions = False
            await obstore.put_async(self._client, key, data, attributes=attributes, use_multipart=False)

    async def _put_parts(self, key: str, file: BufferedReader, size: int, attributes: "Attributes") -> None:
        """Each write waits until a place among the parts under way is free, so the file is read no faster than it goes."""
        writer = obstore.open_writer_async(self._client, key, attributes=attributes, buffer_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE)
        sent = 0
        try:
            with _told(key):
                while chunk := await asyncio.to_thread(file.read, PART_BYTES):
                    await self._in_time(partial(writer.write, chunk))
                    sent += len(chunk)
                if sent != size:
                    raise OSError(errno.EIO, f"{key} changed while it was sent")
                await self._in_time(writer.close)
        except BaseException as failed:
            await self._abort(key, writer, failed)
            raise

    async def _abort(self, key: str, writer: "AsyncWritableFile", failed: BaseException) -> None:
        """obstore's writer aborts only before its close was asked for; what is left then has no other name than its key."""
        try:
            try:
                await self._in_time(lambda: writer.__aexit__(type(failed), failed, None))
            except (BaseError, OSError):
                await abandon_uploads(self.bucket, within=self._patience.step, below=key, older=None)
        except OSError as left:
            log.warning("an upload could not be aborted; a sweep does it in an hour", key=key, error=_first_line(left))

    async def _is(self, found: StoredObject, size: int, sha256: str) -> bool:
        """Whether exactly this was stored before. Raises FileExistsError where it is something else."""
        if (found.size, found.sha256 or await self.digest(found.key)) == (size, sha256):
            return True
        raise FileExistsError(errno.EEXIST, f"{found.key} is taken by another object")

    async def _get(self, key: str, options: "GetOptions | None" = None) -> "GetResult":
        return await obstore.get_async(self._reader, _check(key), options=options)

    async def _chunks(self, got: "GetResult") -> AsyncIterator[bytes]:
        stream = got.stream(min_chunk_size=CHUNK_BYTES)
        while True:
            try:
                chunk = await self._in_time(stream.__anext__)
            except StopAsyncIteration:
                return
            yield bytes(chunk)

    async def _in_time[T](self, step: Callable[[], Awaitable[T]]) -> T:
        async with asyncio.timeout(self._patience.step):
            return await step()


@contextmanager
def _told(what: str) -> Iterator[None]:
    """What obstore says, in the port's words: OSError with a number, so that nobody takes it for anything else."""
    try:
        yield
    except FileNotFoundError as missing:  # obstore's, or ours
        raise FileNotFoundError(errno.ENOENT, f"there is no {what}") from missing
    except AlreadyExistsError:
        raise FileExistsError(errno.EEXIST, f"{what} is there already") from None
    except (PermissionDeniedError, UnauthenticatedError) as failed:
        raise PermissionError(errno.EACCES, f"the storage refuses us {what}: {_first_line(failed)}") from failed
    except BaseError as failed:
        raise OSError(errno.EIO, f"the storage failed over {what}: {_first_line(failed)}") from failed
    except TimeoutError as failed:
        raise TimeoutError(errno.ETIMEDOUT, f"the storage takes too long over {what}") from failed
    except OSError as failed:
        if failed.errno is None:  # obstore's writers have these
            raise OSError(errno.EIO, f"the storage failed over {what}: {_first_line(failed)}") from failed
        raise


def _first_line(failed: BaseException) -> str:
    """What follows is obstore's own inside."""
    return str(failed).partition("\n")[0][:500]


def _check(key: str) -> str:
    """Nothing but a key is ever looked up."""
    if not is_key(key):
        raise FileNotFoundError(errno.ENOENT, f"there is no {key}")
    return key


def _attributes(content_type: str, sha256: str) -> "Attributes":
    return {"Content-Type": content_type, "Cache-Control": PUBLIC_CACHE, SHA256: sha256}


def _compare(key: str, got: "GetResult", size: int, sha256: str) -> None:
    """Raises OSError when what came is not what was stored."""
    if size != got.meta["size"]:
        raise OSError(errno.EIO, f"{key} came with {size} bytes instead of {got.meta['size']}")
    kept = got.attributes.get(SHA256)
    if kept is not None and kept != sha256:
        raise OSError(errno.EIO, f"{key} is not what was stored: its SHA-256 differs")


def _open(file: Path) -> tuple[BufferedReader, int]:
    opened = file.open("rb")
    return opened, opened.seek(0, 2) + opened.seek(0)


def _sum_of(file: BufferedReader) -> str:
    summed = hashlib.file_digest(file, "sha256").hexdigest()
    file.seek(0)
    return summed


def _write(file: IO[bytes], chunk: bytes, summed: "hashlib._Hash") -> None:
    summed.update(chunk)
    file.write(chunk)
