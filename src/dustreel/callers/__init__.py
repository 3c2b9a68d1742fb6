"""Who calls: API keys and JSON Web Tokens, and what each may do."""

from dustreel.callers.caller import Caller, Role
from dustreel.callers.failures import InvalidSignature, InvalidToken, TokenExpired, Unauthenticated
from dustreel.callers.gate import Gate
from dustreel.callers.keys import Key, development_key, keys_of, make_key, revoke_key
from dustreel.callers.limits import Limits, RateLimited
from dustreel.callers.tokens import TokenRules, Tokens

__all__ = [
    "Caller",
    "Gate",
    "InvalidSignature",
    "InvalidToken",
    "Key",
    "Limits",
    "RateLimited",
    "Role",
    "TokenExpired",
    "TokenRules",
    "Tokens",
    "Unauthenticated",
    "development_key",
    "keys_of",
    "make_key",
    "revoke_key",
]
