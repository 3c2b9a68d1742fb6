"""JSON Web Tokens from somebody else's sign-in: HS256 with a shared secret, or public keys from a JWKS URL (RFC 7517).

`sub` is the user's UUID and `exp` is required; `iss` and `aud` are checked where the operator set them. A token is live unless its claim
`mode` says "test".
"""

import asyncio
from dataclasses import dataclass
from typing import Any

import httpx
import jwt

from dustreel.base.clock import Clock
from dustreel.base.errors import Unavailable
from dustreel.base.ids import parse_uuid
from dustreel.base.log import logger
from dustreel.base.vocabulary import Mode
from dustreel.callers.caller import Caller, Role
from dustreel.callers.failures import InvalidSignature, InvalidToken, TokenExpired

log = logger(__name__)

# An allow-list for each kind of key: a public key must never be taken for an HMAC secret.
SECRET_ALGORITHMS = ["HS256"]
PUBLIC_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"]
KEYS_LIVE_SECONDS = 600.0
# An unknown `kid` may be a fresh key, or an attacker who makes us fetch: at most one look in this time.
KEYS_LOOK_AGAIN_SECONDS = 30.0
# While they can't be fetched, one request in this time waits for another try; the others go by the old keys.
KEYS_TRY_AGAIN_SECONDS = 5.0
FETCH_SECONDS = 3.0
# Two machines' clocks are rarely nearer than this.
LEEWAY_SECONDS = 10
LONGEST_TOKEN = 8_192


@dataclass(frozen=True, slots=True)
class TokenRules:
    secret: str | None
    jwks_url: str | None
    issuer: str | None
    audience: str | None

    @property
    def accepts_any(self) -> bool:
        return bool(self.secret or self.jwks_url)


class Tokens:
    """Verifies tokens. Public keys are fetched once and kept for ten minutes."""

    def __init__(self, rules: TokenRules, clock: Clock, client: httpx.AsyncClient) -> None:
        self._rules, self._clock, self._client = rules, clock, client
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._fetched_at = self._failed_at = float("-inf")
        self._fetching = asyncio.Lock()

    async def caller(self, token: str) -> Caller:
        """Raises InvalidToken, TokenExpired or InvalidSignature, and Unavailable when the public keys can't be fetched."""
        if not self._rules.accepts_any or len(token) > LONGEST_TOKEN:
            raise InvalidToken
        claims = await self._claims(token)
        user_id = parse_uuid(str(claims.get("sub")))
        if user_id is None:
            raise InvalidToken("The token's `sub` must be the user's UUID.")
        mode = claims.get("mode", Mode.LIVE.value)
        if mode not in (Mode.LIVE.value, Mode.TEST.value):
            raise InvalidToken('The token\'s `mode` must be "live" or "test".')
        return Caller(user_id, Mode(mode), Role.USER)

    async def _claims(self, token: str) -> dict[str, Any]:
        rules = self._rules
        try:
            header = jwt.get_unverified_header(token)
            key: str | jwt.PyJWK | None = None
            algorithms = PUBLIC_ALGORITHMS
            if header.get("alg") in SECRET_ALGORITHMS:
                key, algorithms = rules.secret, SECRET_ALGORITHMS
            elif rules.jwks_url:
                key = await self._public_key(header.get("kid"))
            if key is None:
                raise InvalidToken("The token was signed with a key or an algorithm that is not accepted here.")
            return jwt.decode(
                token,
                key,
                algorithms=algorithms,
                issuer=rules.issuer,
                audience=rules.audience,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "sub"], "verify_aud": rules.audience is not None, "verify_sub": False},
            )
        except jwt.ExpiredSignatureError:
            raise TokenExpired from None
        except jwt.InvalidSignatureError:
            raise InvalidSignature from None
        except jwt.PyJWTError as wrong:
            raise InvalidToken(f"The token is not valid: {str(wrong).rstrip('.')}.") from None

    async def _public_key(self, kid: str | None) -> jwt.PyJWK | None:
        if self._is_due(kid) and not (kid in self._keys and self._fetching.locked()):
            async with self._fetching:
                if self._is_due(kid):
                    await self._fetch()
        key = self._keys.get(kid)
        if key is None and self._failed_at > self._fetched_at:
            raise Unavailable("The sign-in keys can't be fetched for the moment. Try again shortly.")
        return key

    def _is_due(self, kid: str | None) -> bool:
        """Whether a fetch may help: the keys are old, or this one is not among them, and no fetch has just failed."""
        now = self._clock.monotonic()
        old_after = KEYS_LIVE_SECONDS if kid in self._keys else KEYS_LOOK_AGAIN_SECONDS
        return now - self._fetched_at > old_after and now - self._failed_at > KEYS_TRY_AGAIN_SECONDS

    async def _fetch(self) -> None:
        assert self._rules.jwks_url is not None
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                answer = await self._client.get(self._rules.jwks_url)
            answer.raise_for_status()
            keys = jwt.PyJWKSet.from_dict(answer.json()).keys
        except (httpx.HTTPError, TimeoutError, jwt.PyJWTError, ValueError, AttributeError) as failed:
            log.warning("the JWKS could not be fetched", url=self._rules.jwks_url, error=str(failed) or type(failed).__name__)
            self._failed_at = self._clock.monotonic()
            return
        self._fetched_at = self._clock.monotonic()
        self._keys = {key.key_id: key for key in keys}
        if len(keys) == 1:
            self._keys[None] = keys[0]  # a set of one needs no `kid`
