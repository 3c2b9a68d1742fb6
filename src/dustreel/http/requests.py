"""What callers may send, field by field, and how a misfit is told: every field, with the nearest known name for an unknown one."""

import difflib
import unicodedata
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema
from pydantic_core import ErrorDetails, PydanticCustomError

from dustreel.base.ids import parse_uuid
from dustreel.base.vocabulary import AspectRatio, Duration, Resolution
from dustreel.dust import is_reserved
from dustreel.http.asked import NAME_AT_MOST, TOLD_AT_MOST, Invalid, InvalidPrompt, InvalidRelationship, InvalidUserId

PROMPT_AT_MOST = 2_000
RELATIONSHIP_AT_MOST = 100
REFERENCE_AT_MOST = 255


def _uuid(value: Any) -> UUID:
    parsed = parse_uuid(value) if isinstance(value, str) else None
    if parsed is None:
        raise PydanticCustomError("uuid", "must be a UUID such as 6f2c0a52-3a4e-4d0e-9a54-3d6a1b0c9f11")
    return parsed


def _prompt(value: str) -> str:
    return _plain_text(value, PROMPT_AT_MOST, "prompt", allowed="\n\t")


def _relationship(value: str) -> str:
    return _plain_text(value, RELATIONSHIP_AT_MOST, "relationship", allowed="")


def _reference(value: str) -> str:
    text = _plain_text(value, REFERENCE_AT_MOST, "reference", allowed="")
    if is_reserved(text):
        raise PydanticCustomError("reference", "must not be a name that the house itself gives")
    return text


def _plain_text(value: str, at_most: int, kind: str, *, allowed: str) -> str:
    """Trimmed text of 1 to `at_most` characters (Unicode code points) without control characters or halves of a surrogate pair."""
    text = value.strip()
    if not 1 <= len(text) <= at_most:
        raise PydanticCustomError(kind, f"must have 1 to {at_most:,} characters, and has {len(text):,}")
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cs") and character not in allowed:
            raise PydanticCustomError(kind, f"must not contain the character U+{ord(character):04X}")
    return text


Uuid = Annotated[UUID, BeforeValidator(_uuid), WithJsonSchema({"type": "string", "format": "uuid"})]
Prompt = Annotated[
    str,
    AfterValidator(_prompt),
    Field(description=f"1 to {PROMPT_AT_MOST:,} characters after trimming; no control characters but \\n and \\t."),
]
Relationship = Annotated[str, AfterValidator(_relationship), Field(description=f"1 to {RELATIONSHIP_AT_MOST} characters.")]


class Body(BaseModel):
    """Strict: no field is coerced from another type, and none is ignored."""

    model_config = ConfigDict(extra="forbid", strict=True)


class ReferencePerson(Body):
    person_id: Uuid
    relationship: Relationship


class _Wish(Body):
    user_id: Uuid | None = Field(None, description="The caller; a service key may name any user.")
    prompt: Prompt
    duration: Annotated[Duration, Field(strict=False, description="short is 5 s, medium 10 s, long 15 s.")]
    resolution: Annotated[Resolution, Field(strict=False, description="Named after the short side in pixels.")]
    camera_fixed: bool | None = Field(None, description="Whether the camera stays still. Default false.")


class GenerateRequest(_Wish):
    aspect_ratio: Annotated[AspectRatio, Field(strict=False)]
    reference_person: ReferencePerson | None = Field(None, description="Somebody who is to be recognisable.")


class AnimateRequest(_Wish):
    image_url: str = Field(description="An https address of a JPEG, PNG, WebP or AVIF, or the url of an upload.")
    aspect_ratio: Annotated[AspectRatio, Field(strict=False)] | None = Field(
        None, description="Default: the picture's own, snapped to the nearest of the five."
    )


class UpdateVideoRequest(BaseModel):
    """For the documentation: the rest of a UserVideo may come along."""

    is_favorited: bool


class GrantRequest(Body):
    user_id: Uuid
    amount: int = Field(ge=1, le=1_000_000_000, description="DUST to give.")
    mode: Literal["live", "test"] | None = Field(None, description="Default: the key's own.")
    reference: Annotated[str, Field(min_length=1, max_length=REFERENCE_AT_MOST), AfterValidator(_reference)] | None = Field(
        None, description="A name of your own for this grant, other than `starting`; given twice, it is granted once."
    )


def validate[B: Body](model: type[B], value: Any) -> B:
    """The body as a model. Raises Invalid, or its kin for a single field that has a code of its own."""
    if not isinstance(value, dict):
        raise Invalid([("", "The body must be a JSON object.")])
    unknown = _unknown(model, value)
    if len(unknown) > TOLD_AT_MOST:  # 20,000 of them, which fit in 256 KiB, would keep pydantic busy for a sixth of a second
        told = [(".".join(path), _unknown_told(model, path)) for path in unknown[:TOLD_AT_MOST]]
        raise Invalid(told, more=len(unknown) - TOLD_AT_MOST)
    try:
        return model.model_validate(value)
    except ValidationError as wrong:
        raise _told(model, wrong.errors(include_url=False)) from None


_OWN_CODES: dict[tuple[str, str], type[Invalid]] = {
    ("user_id", "uuid"): InvalidUserId,
    ("prompt", "prompt"): InvalidPrompt,
    ("reference_person.relationship", "relationship"): InvalidRelationship,
}


def _unknown(model: type[Body], value: dict[str, Any]) -> list[tuple[str, ...]]:
    """Where there are fields that nobody knows."""
    found: list[tuple[str, ...]] = [(name,) for name in value if name not in model.model_fields]
    person = value.get("reference_person")
    if "reference_person" in model.model_fields and isinstance(person, dict):
        found += [("reference_person", name) for name in person if name not in ReferencePerson.model_fields]
    return found


def _told(model: type[Body], errors: list[ErrorDetails]) -> Invalid:
    told = [(_field(error), _message(model, error)) for error in errors]
    kinds = {_OWN_CODES.get((_field(error), error["type"]), Invalid) for error in errors}
    kind = kinds.pop() if len(kinds) == 1 else Invalid
    return kind(told)


def _field(error: ErrorDetails) -> str:
    return ".".join(str(part) for part in error["loc"])


def _message(model: type[Body], error: ErrorDetails) -> str:
    match error["type"]:
        case "missing":
            return "is required"
        case "extra_forbidden":
            return _unknown_told(model, error["loc"])
        case "enum" | "literal_error":
            return f"must be one of {str(error['ctx']['expected']).replace(chr(39), '').replace(' or ', ', ')}"
        case "string_type":
            return "must be a string"
        case "bool_type":
            return "must be true or false"
        case "model_type" | "model_attributes_type":
            return "must be an object"
        case _:
            message = error["msg"]
            return message[0].lower() + message[1:]


def _unknown_told(model: type[Body], path: tuple[int | str, ...]) -> str:
    known = _names(model, path[:-1])
    near = difflib.get_close_matches(str(path[-1])[:NAME_AT_MOST], known, n=1, cutoff=0.5)
    return "is not a field here" + (f"; did you mean {near[0]}?" if near else f"; the fields are {', '.join(known)}")


def _names(model: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    """The known names where an unknown one stood."""
    if path and path[0] == "reference_person":
        return list(ReferencePerson.model_fields)
    return list(model.model_fields)
