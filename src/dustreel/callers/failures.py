"""Why a caller isn't let in."""

from dustreel.base.errors import DomainError


class Unauthenticated(DomainError):
    code = "unauthenticated"
    sentence = "Send an API key or a token as `Authorization: Bearer …`."


class InvalidToken(DomainError):
    code = "invalid_token"
    sentence = "The API key or token is not valid."


class TokenExpired(DomainError):
    code = "token_expired"
    sentence = "The token has expired. Get a fresh one."


class InvalidSignature(DomainError):
    code = "invalid_signature"
    sentence = "The token's signature does not verify."
