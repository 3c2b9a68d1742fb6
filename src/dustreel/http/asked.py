"""What is wrong with a request itself, before any room behind has been asked."""

from collections.abc import Mapping, Sequence

from dustreel.base.errors import DomainError

# Who has more to mend is sending something else than what is asked for here; a body of 256 KiB has room for 20,000 fields.
TOLD_AT_MOST = 20
# Names are repeated in the answer; the longest that is known is a third of this.
NAME_AT_MOST = 80


class MalformedJson(DomainError):
    code = "malformed_json"
    sentence = "The body is not valid JSON."


class MalformedRequest(DomainError):
    code = "malformed_request"
    sentence = "The request can't be understood."


class InvalidIdempotencyKey(DomainError):
    code = "invalid_idempotency_key"
    sentence = "An Idempotency-Key is 1 to 255 printable ASCII characters."


class UserMismatch(DomainError):
    code = "user_mismatch"
    sentence = "The user_id is not yours."


class Forbidden(DomainError):
    """A key that may not do this. Shares its code with NotYours: the design's table has one for both."""

    code = "forbidden"
    sentence = "This key may not do that."


class NotFound(DomainError):
    code = "not_found"
    sentence = "There is nothing at this address."


class MethodNotAllowed(DomainError):
    code = "method_not_allowed"
    sentence = "This address does not answer to that method."


class RequestTimeout(DomainError):
    code = "request_timeout"
    sentence = "The body did not arrive in time."


class PayloadTooLarge(DomainError):
    code = "payload_too_large"
    sentence = "The body is too large."


class UnsupportedMediaType(DomainError):
    code = "unsupported_media_type"
    sentence = "Send the body as application/json."


class RangeNotSatisfiable(DomainError):
    code = "range_not_satisfiable"
    sentence = "The range is outside the file."


class Internal(DomainError):
    code = "internal"
    sentence = "Something went wrong on our side. Try again; with the same Idempotency-Key nothing is made twice."

    @property
    def retry_after(self) -> int:
        return 5


class Invalid(DomainError):
    """Fields that do not fit the schema: the first twenty are told, and how many more there are."""

    code = "validation_error"

    def __init__(self, errors: Sequence[tuple[str, str]], *, more: int = 0) -> None:
        """`errors`: (field, message) pairs, at least one; a field is written like `reference_person.person_id`.

        `more`: how many besides them were found.
        """
        told = [(field if len(field) <= NAME_AT_MOST else field[:NAME_AT_MOST] + "…", message) for field, message in errors[:TOLD_AT_MOST]]
        super().__init__("; ".join(f"{field}: {message}" if field else message for field, message in told[:3]))
        more += max(0, len(errors) - TOLD_AT_MOST)
        self._errors = [*told, ("", f"and {more:,} more")] if more else told

    @property
    def extra(self) -> Mapping[str, object]:
        return {"errors": [{"field": field, "message": message} for field, message in self._errors]}


class InvalidUserId(Invalid):
    code = "invalid_user_id"


class InvalidPrompt(Invalid):
    code = "invalid_prompt"


class InvalidRelationship(Invalid):
    code = "invalid_relationship"


class PersonNotFound(Invalid):
    code = "person_not_found"
