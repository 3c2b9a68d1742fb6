"""From an `Authorization` header to a caller, without asking the database at every request."""

from dataclasses import dataclass

from dustreel.base.bell import Bell
from dustreel.base.clock import Clock
from dustreel.base.db import Database
from dustreel.callers.caller import Caller
from dustreel.callers.failures import InvalidToken, Unauthenticated
from dustreel.callers.keys import SQL, find_caller, hash_of, looks_like_a_key
from dustreel.callers.tokens import Tokens

# A revoked key is dropped at once by a NOTIFY; this bounds what a lost one costs.
CACHED_SECONDS = 5.0
# A flood of distinct keys must not grow the cache without end.
CACHED_AT_MOST = 10_000


@dataclass(frozen=True, slots=True)
class _Known:
    caller: Caller
    until: float
    key_hash: bytes


class Gate:
    def __init__(self, db: Database, tokens: Tokens, clock: Clock, bell: Bell) -> None:
        self._db, self._tokens, self._clock = db, tokens, clock
        self._known: dict[str, _Known] = {}
        self._used: set[bytes] = set()
        bell.on("key", self._revoked)

    async def caller(self, authorization: str | None) -> Caller:
        """Raises Unauthenticated, InvalidToken, TokenExpired, InvalidSignature or Unavailable."""
        if not authorization:
            raise Unauthenticated
        scheme, _, credential = authorization.partition(" ")
        credential = credential.strip()
        if scheme.lower() != "bearer" or not credential:
            raise Unauthenticated
        known = self._known.get(credential)
        if known is not None and known.until > self._clock.monotonic():
            self._used.add(known.key_hash)
            return known.caller
        if looks_like_a_key(credential):
            return await self._by_key(credential)
        return await self._tokens.caller(credential)

    async def write_down_use(self) -> None:
        """Record when each key was last used; called now and then, so that no request waits for it."""
        if self._used:
            used, self._used = self._used, set()
            async with self._db.connection() as connection:
                await connection.execute(SQL["touch_keys"], {"hashes": list(used)})

    async def _by_key(self, key: str) -> Caller:
        key_hash = hash_of(key)
        async with self._db.connection() as connection:
            caller = await find_caller(connection, key_hash)
        if caller is None:
            self._known.pop(key, None)
            raise InvalidToken
        if len(self._known) >= CACHED_AT_MOST:
            self._known.clear()
        self._known[key] = _Known(caller, self._clock.monotonic() + CACHED_SECONDS, key_hash)
        self._used.add(key_hash)
        return caller

    def _revoked(self, hash_in_hex: str) -> None:
        key_hash = bytes.fromhex(hash_in_hex)
        for credential in [credential for credential, known in self._known.items() if known.key_hash == key_hash]:
            del self._known[credential]
