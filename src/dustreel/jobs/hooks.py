"""What providers tell by webhook: verified over the raw body and kept once. It only prompts a look; the provider's own answer decides."""

from collections.abc import Mapping
from dataclasses import asdict

from dustreel.base.db import Database
from dustreel.base.errors import DomainError, Unavailable
from dustreel.base.ids import parse_uuid
from dustreel.base.log import logger
from dustreel.jobs import submissions
from dustreel.providers import Hooked, Knock, NotAWebhook, Registry, Unclear

log = logger(__name__)


class NoSuchHook(DomainError):
    """No provider of that name tells by webhook here, or the id is none."""

    code = "not_found"
    sentence = "There is nothing at this address."


class Unverified(DomainError):
    code = "forbidden"
    sentence = "This webhook can't be verified."


async def hear(
    db: Database, registry: Registry, name: str, submission: str, *, token: str, headers: Mapping[str, str], body: bytes
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
    async with db.transaction() as connection:
        if notice.sighting is not None:
            await submissions.told(connection, submission_id, asdict(notice.sighting))
        await submissions.heard(
            connection, submission_id, provider=provider.name, webhook_id=notice.webhook_id, upstream_id=notice.upstream_id
        )
