"""What providers tell by webhook: verified over the raw body and kept once. It only prompts a look; the provider's own answer decides."""

import asyncio
import base64
from collections.abc import Mapping
from dataclasses import asdict, replace

from dustreel import videos
from dustreel.base.db import Database
from dustreel.base.errors import DomainError, Unavailable
from dustreel.base.ids import Ids, parse_uuid
from dustreel.base.log import logger
from dustreel.jobs import submissions
from dustreel.providers import Hooked, Knock, NotAWebhook, Phase, Registry, Sighting, Telling, Unclear
from dustreel.storage import ObjectStore, new_key

log = logger(__name__)


class NoSuchHook(DomainError):
    """No provider of that name tells by webhook here, or the id is none."""

    code = "not_found"
    sentence = "There is nothing at this address."


class Unverified(DomainError):
    code = "forbidden"
    sentence = "This webhook can't be verified."


# Beyond the longest that a job may take.
KEPT_SECONDS = 6 * 3_600.0


def expect(registry: Registry, name: str, submission: str, token: str) -> bool:
    """Whether a body may be as large as a video: from a provider that has no other way to hand it over, at the address that we gave it.

    Raises NoSuchHook, and Unverified where such a provider's address is not ours.
    """
    provider, submission_id = registry.remote(name), parse_uuid(submission)
    if submission_id is None:
        raise NoSuchHook
    if not isinstance(provider, Telling):
        return False
    if not provider.gave(submission_id, token):
        raise Unverified
    return True


async def hear(
    db: Database,
    registry: Registry,
    store: ObjectStore,
    ids: Ids,
    name: str,
    submission: str,
    *,
    token: str,
    headers: Mapping[str, str],
    body: bytes,
) -> None:
    """`name` of the provider, `submission` and `token` as they stand in the address; `headers` by lower-case name.

    Raises NoSuchHook, Unverified, and Unavailable when it can't be verified now.
    """
    provider, submission_id = registry.remote(name), parse_uuid(submission)
    if not isinstance(provider, Hooked) or provider is None or submission_id is None:
        raise NoSuchHook
    try:
        notice = await provider.read_webhook(Knock(submission_id, token, headers, body))
    except NotAWebhook as wrong:
        log.warning("refused a webhook", provider=provider.name, reason=str(wrong))
        raise Unverified from wrong
    except Unclear as unclear:
        raise Unavailable from unclear
    sighting = None if notice.sighting is None else await _kept(db, store, ids, notice.sighting)
    async with db.transaction() as connection:
        if sighting is not None:
            await submissions.told(connection, submission_id, asdict(sighting))
        await submissions.heard(
            connection,
            submission_id,
            provider=provider.name,
            webhook_id=notice.webhook_id,
            upstream_id=notice.upstream_id,
            is_under_way=notice.is_under_way,
        )


async def _kept(db: Database, store: ObjectStore, ids: Ids, sighting: Sighting) -> Sighting:
    """A video that came inside a webhook goes into storage at once: a row is no place for it. Raises Unavailable, StorageFailed."""
    if sighting.output is None or not sighting.output.startswith("data:"):
        # The mark is ours: whoever could write it would be given any object.
        return replace(sighting, phase=Phase.FAILED, output=None) if (sighting.output or "").startswith(submissions.KEPT) else sighting
    try:
        video = await asyncio.to_thread(base64.b64decode, sighting.output.partition(",")[2], validate=True)
    except ValueError:
        return Sighting(Phase.FAILED, error="The model's video is garbled")
    key = new_key("videos", "mp4", ids.secret)
    async with db.transaction() as connection:
        await videos.remove_later(connection, [key], after=KEPT_SECONDS)
    await store.put_bytes(key, video, "video/mp4")
    return replace(sighting, output=submissions.KEPT + key)
