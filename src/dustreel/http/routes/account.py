"""The caller's account: who they are, their DUST, and an admin's grants."""

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from dustreel import dust
from dustreel.base.clock import stamp
from dustreel.base.vocabulary import Dust, Mode
from dustreel.dust import Account, Entry
from dustreel.http import answers, wire
from dustreel.http.body import JSON_AT_MOST, JSON_SECONDS, parse_json, read_body
from dustreel.http.caller import acting_user, admin, service
from dustreel.http.describe import described
from dustreel.http.idempotency import idempotency_key
from dustreel.http.query import PAGE, PAGE_DEFAULTS, read_query
from dustreel.http.requests import GrantRequest, validate

router = APIRouter(tags=["Account"])


@router.get("/me", **described("me"))
async def me(request: Request) -> Response:
    acting = await acting_user(request)
    running = service(request)
    async with running.db.transaction() as db:
        account = await dust.balance(db, acting.user_id, acting.mode, starting=running.prices.starting(acting.mode))
    return answers.json({"user_id": str(acting.user_id), "mode": acting.mode.value, "dust": _account(account)})


@router.get("/dust/entries", **described("dust_entries"))
async def dust_entries(request: Request) -> Response:
    acting = await acting_user(request)
    page = read_query(request, PAGE, PAGE_DEFAULTS)
    running = service(request)
    async with running.db.transaction() as db:
        await dust.balance(db, acting.user_id, acting.mode, starting=running.prices.starting(acting.mode))
        entries, total = await dust.entries(db, acting.user_id, acting.mode, **page)
    return answers.json(
        {
            "entries": [_entry(entry) for entry in entries],
            "pagination": wire.pagination(total=total, shown=len(entries), **page),
        }
    )


@router.post("/dust/grants", **described("grant"))
async def grant(request: Request) -> Response:
    raw = await read_body(request, at_most=JSON_AT_MOST, seconds=JSON_SECONDS)
    caller = await admin(request)
    body = validate(GrantRequest, parse_json(request, raw))
    mode = Mode(body.mode) if body.mode is not None else caller.mode
    key = idempotency_key(request)
    running = service(request)
    starting = running.prices.starting(mode)
    async with running.db.transaction() as db:
        entry = await dust.grant(db, body.user_id, mode, Dust(body.amount), reference=body.reference, key=key, starting=starting)
        account = await dust.balance(db, body.user_id, mode, starting=starting)
    return answers.json({"granted": entry is not None, "user_id": str(body.user_id), "mode": mode.value, "dust": _account(account)})


def _account(account: Account) -> dict[str, Any]:
    return {"balance": account.balance, "held": account.held, "available": account.available}


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "kind": entry.kind.value,
        "amount": entry.amount,
        "from_account": entry.from_account,
        "to_account": entry.to_account,
        "job_id": None if entry.job_id is None else str(entry.job_id),
        "reference": entry.reference,
        "created_at": stamp(entry.created_at),
    }
