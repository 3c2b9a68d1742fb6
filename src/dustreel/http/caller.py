"""Who calls, and for whom."""

from dataclasses import dataclass
from uuid import UUID

from starlette.requests import Request

from dustreel.base.ids import parse_uuid
from dustreel.base.vocabulary import Mode
from dustreel.callers import Caller, Role
from dustreel.http.asked import Forbidden, InvalidUserId, UserMismatch
from dustreel.wiring import Service

ON_BEHALF_OF = "x-user-id"


@dataclass(frozen=True, slots=True)
class Acting:
    """The user that a request is for, and the mode that it is in."""

    user_id: UUID
    mode: Mode


def service(request: Request) -> Service:
    found: Service = request.app.state.service
    return found


async def caller_of(request: Request) -> Caller:
    """Raises Unauthenticated, InvalidToken, TokenExpired, InvalidSignature, Unavailable. A token in the query string is ignored."""
    return await service(request).gate.caller(request.headers.get("authorization"))


async def acting_user(request: Request) -> Acting:
    """The caller, where no body names a user; checked against the rate of requests. Raises what `caller_of` and `on_behalf` raise."""
    acting = on_behalf(request, await caller_of(request), named=None)
    await service(request).limits.request(acting.user_id, acting.mode)
    return acting


def on_behalf(request: Request, caller: Caller, *, named: UUID | None) -> Acting:
    """Whom the request is for: the user named in the body, else in `X-User-Id`, else the caller. Only a service key may name another.

    Raises UserMismatch, InvalidUserId.
    """
    header = request.headers.get(ON_BEHALF_OF)
    user_id = named
    if header is not None:
        user_id = parse_uuid(header.strip())
        if user_id is None:
            raise InvalidUserId([("X-User-Id", "must be a UUID")])
        if named not in (None, user_id):
            raise InvalidUserId([("X-User-Id", "names another user than the body's user_id")])
    if user_id is None:
        if caller.acts_for_others:
            raise InvalidUserId([("X-User-Id", "A service key names the user that it acts for, in the body's user_id or in X-User-Id.")])
        return Acting(caller.user_id, caller.mode)
    if not caller.may_act_for(user_id):
        raise UserMismatch("The user_id is not yours: a key acts for its own user only, unless it is a service key.")
    return Acting(user_id, caller.mode)


async def admin(request: Request) -> Caller:
    """Raises Forbidden for anybody but an admin."""
    caller = await caller_of(request)
    if caller.role is not Role.ADMIN:
        raise Forbidden("Only an admin key may do this.")
    return caller
