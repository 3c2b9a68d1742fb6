"""Who may call, and for whom: keys, tokens, modes, service and admin keys, and what belongs to somebody else."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dustreel.base.clock import Clock, SystemClock
from dustreel.base.errors import Unavailable
from dustreel.base.vocabulary import Mode
from dustreel.callers import InvalidSignature, InvalidToken, Role, TokenRules, Tokens, keys_of, revoke_key
from tests.conftest import House, User, eventually, house_with

SECRET = "a secret that only the sign-in and this service know"


@pytest.mark.parametrize(
    "path",
    ["/me", "/videos", "/videos/stats", "/videos/jobs/active", "/videos/jobs/0b54a1de-52d8-4c22-a3a4-6d7c7ea4a3cb/status", "/dust/entries"],
)
async def test_a_caller_without_credentials_is_told_how_to_authenticate(house: House, path: str) -> None:
    async with house.client() as nobody:
        answer = await nobody.get(path)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "header", ["Bearer", "Basic YTpi", "Bearer dr_test_nonsense", "Bearer dr_live_" + "x" * 500, "bearer x.y.z", "Token a"]
)
async def test_a_wrong_credential_is_refused(house: House, header: str) -> None:
    async with house.client() as nobody:
        answer = await nobody.get("/me", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.json()["code"] in ("unauthenticated", "invalid_token")


async def test_a_token_in_the_query_is_ignored(house: House) -> None:
    key = await house.key(uuid4())
    async with house.client() as nobody:
        assert (await nobody.get(f"/me?token={key}&access_token={key}")).status_code == 401


async def test_a_revoked_key_is_refused_at_once(house: House) -> None:
    user_id = uuid4()
    key = await house.key(user_id)
    async with house.client(key) as api:
        assert (await api.get("/me")).status_code == 200
        async with house.service.db.transaction() as db:
            (found,) = await keys_of(db, user_id)
            await revoke_key(db, found.id)
        began = time.monotonic()
        answer = await eventually(lambda: _refused(api), "the revoked key to be refused")
        assert answer["code"] == "invalid_token"
        assert time.monotonic() - began < 2  # sooner than the cache forgets


async def test_what_is_somebody_elses_is_forbidden(alice: User, bob: User) -> None:
    job = await alice.generate()
    video = (await alice.until_final(job))["video"]["id"]
    for method, path in (
        ("GET", f"/videos/jobs/{job}/status"),
        ("GET", f"/videos/jobs/{job}/result"),
        ("DELETE", f"/videos/jobs/{job}"),
        ("GET", f"/videos/{video}"),
        ("DELETE", f"/videos/{video}"),
    ):
        answer = await bob.api.request(method, path)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), path
    assert (await bob.api.put(f"/videos/{video}", json={"is_favorited": True})).status_code == 403
    assert (await bob.api.get("/videos")).json()["pagination"]["total"] == 0


async def test_a_user_acts_for_themselves_only(alice: User, bob: User) -> None:
    answer = await alice.api.post("/videos/generate", json=alice.wish(user_id=str(bob.id)))
    assert (answer.status_code, answer.json()["code"]) == (403, "user_mismatch")
    answer = await alice.api.get("/me", headers={"X-User-Id": str(bob.id)})
    assert (answer.status_code, answer.json()["code"]) == (403, "user_mismatch")


async def test_a_service_key_acts_for_any_user(house: House, alice: User) -> None:
    async with house.user(role=Role.SERVICE) as backend:
        answer = await backend.api.post("/videos/generate", json=alice.wish())
        assert answer.status_code == 202
        job = answer.json()["job_id"]
        named = {"X-User-Id": str(alice.id)}
        assert (await backend.api.get(f"/videos/jobs/{job}/status", headers=named)).status_code == 200
        assert (await backend.api.get("/me", headers=named)).json()["user_id"] == str(alice.id)
        answer = await backend.api.get("/me")
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_user_id")
    await alice.until_final(job)


async def test_test_and_live_are_separate_worlds(house: House) -> None:
    user_id = uuid4()
    async with house.client(await house.key(user_id)) as test, house.client(await house.key(user_id, mode=Mode.LIVE)) as live:
        alice = User(user_id, test, house)
        job = await alice.generate()
        video = (await alice.until_final(job))["video"]["id"]
        assert (await live.get("/me")).json() == {
            "user_id": str(user_id),
            "mode": "live",
            "dust": {"balance": 0, "held": 0, "available": 0},
        }
        assert (await live.get(f"/videos/jobs/{job}/status")).json()["code"] == "job_not_found"
        assert (await live.delete(f"/videos/{video}")).json()["code"] == "video_not_found"
        answer = await live.post("/videos/generate", json=alice.wish())
        assert (answer.status_code, answer.json()["code"]) == (402, "insufficient_dust")
        assert (answer.json()["balance"], answer.json()["price"]) == (0, 10)


async def test_a_live_person_must_have_been_recorded(house: House) -> None:
    async with house.user(mode=Mode.LIVE) as alice:
        person = {"person_id": str(uuid4()), "relationship": "sister"}
        answer = await alice.api.post("/videos/generate", json=alice.wish(reference_person=person))
    assert (answer.status_code, answer.json()["code"]) == (422, "person_not_found")


async def test_directives_are_mere_text_for_live_keys(house: House) -> None:
    async with house.user(mode=Mode.LIVE) as alice, house.user(role=Role.ADMIN) as admin:
        grant = {"user_id": str(alice.id), "amount": 10, "mode": "live"}
        assert (await admin.api.post("/dust/grants", json=grant)).json()["dust"]["balance"] == 10
        job = await alice.generate("A pond [sandbox:fail=Model timeout]")
        result = await alice.until_final(job)
    assert result["success"] is True
    assert result["video"]["prompt"] == "A pond [sandbox:fail=Model timeout]"


@pytest.fixture(scope="module")
async def signed(template: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    import psycopg

    with psycopg.connect(template, autocommit=True) as connection:
        connection.execute("create database signed template template_dustreel")
    url = psycopg.conninfo.make_conninfo(template, dbname="signed")
    home: Path = tmp_path_factory.mktemp("signed")
    async with house_with(url, home, worker=False, jwt_secret=SECRET, jwt_issuer="https://id.example", jwt_audience="video") as house:
        yield house


class TestTokens:
    """JSON Web Tokens from somebody else's sign-in."""

    async def test_a_good_token_is_its_users_live_caller(self, signed: House) -> None:
        user_id = uuid4()
        me = (await self._me(signed, _token(user_id))).json()
        assert (me["user_id"], me["mode"]) == (str(user_id), "live")

    async def test_a_token_may_say_test(self, signed: House) -> None:
        assert (await self._me(signed, _token(uuid4(), mode="test"))).json()["mode"] == "test"

    @pytest.mark.parametrize(
        ("claims", "code"),
        [
            ({"exp": 1}, "token_expired"),
            ({"exp": None}, "invalid_token"),
            ({"sub": "alice"}, "invalid_token"),
            ({"sub": None}, "invalid_token"),
            ({"iss": "https://evil.example"}, "invalid_token"),
            ({"aud": "other"}, "invalid_token"),
            ({"mode": "admin"}, "invalid_token"),
        ],
    )
    async def test_a_wrong_claim_is_refused(self, signed: House, claims: dict[str, Any], code: str) -> None:
        answer = await self._me(signed, _token(uuid4(), **claims))
        assert (answer.status_code, answer.json()["code"]) == (401, code)
        assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'

    async def test_a_token_signed_by_somebody_else_is_refused(self, signed: House) -> None:
        forged = _token(uuid4(), secret="x" * 40)
        answer = await self._me(signed, forged)
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_signature")

    async def test_an_unsigned_token_is_refused(self, signed: House) -> None:
        unsigned = jwt.encode(_claims(uuid4()), "", algorithm="none")
        assert (await self._me(signed, unsigned)).json()["code"] == "invalid_token"

    async def _me(self, house: House, token: str) -> Any:
        async with house.client(token) as api:
            return await api.get("/me")


def _claims(user_id: UUID, **claims: Any) -> dict[str, Any]:
    said = {"sub": str(user_id), "exp": int(time.time()) + 60, "iss": "https://id.example", "aud": "video"} | claims
    return {name: value for name, value in said.items() if value is not None}


def _token(user_id: UUID, *, secret: str = SECRET, **claims: Any) -> str:
    return jwt.encode(_claims(user_id, **claims), secret, algorithm="HS256")


async def _refused(api: Any) -> dict[str, Any] | None:
    answer = await api.get("/me")
    return answer.json() if answer.status_code == 401 else None


class TestPublicKeys:
    """Tokens signed with a key whose public half is published at a JWKS URL."""

    async def test_keys_are_fetched_once_and_a_fresh_one_is_found(self) -> None:
        first, second = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
        published = [_public(first, "one")]
        asked = []

        def answer(request: httpx.Request) -> httpx.Response:
            asked.append(str(request.url))
            return httpx.Response(200, json={"keys": published})

        clock = _Clock()
        tokens = _tokens(answer, clock)
        user_id = uuid4()
        for _ in range(3):
            assert (await tokens.caller(_signed(first, "one", user_id))).user_id == user_id
        assert asked == ["https://id.example/keys"]
        published.append(_public(second, "two"))
        with pytest.raises(InvalidToken):
            await tokens.caller(_signed(second, "two", user_id))
        clock.seconds += 31
        assert (await tokens.caller(_signed(second, "two", user_id))).user_id == user_id
        assert len(asked) == 2

    async def test_another_key_under_a_known_name_is_refused(self) -> None:
        good, evil = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
        tokens = _tokens(lambda _: httpx.Response(200, json={"keys": [_public(good, "one")]}), _Clock())
        with pytest.raises(InvalidSignature):
            await tokens.caller(_signed(evil, "one", uuid4()))

    async def test_a_public_key_is_never_taken_for_a_secret(self) -> None:
        good = Ed25519PrivateKey.generate()
        tokens = _tokens(lambda _: httpx.Response(200, json={"keys": [_public(good, "one")]}), _Clock())
        forged = jwt.encode(_claims(uuid4()), _public(good, "one")["x"] * 2, algorithm="HS256", headers={"kid": "one"})
        with pytest.raises(InvalidToken):
            await tokens.caller(forged)

    async def test_yesterdays_keys_outlast_an_outage(self) -> None:
        key, up, clock = Ed25519PrivateKey.generate(), [True], _Clock()
        tokens = _tokens(lambda _: httpx.Response(200, json={"keys": [_public(key, None)]}) if up[0] else httpx.Response(500), clock)
        await tokens.caller(_signed(key, None, uuid4()))
        up[0] = False
        clock.seconds += 3_600
        await tokens.caller(_signed(key, None, uuid4()))

    async def test_without_any_key_the_service_says_it_is_not_available(self) -> None:
        tokens = _tokens(lambda _: httpx.Response(500), _Clock())
        with pytest.raises(Unavailable):
            await tokens.caller(_signed(Ed25519PrivateKey.generate(), "one", uuid4()))

    async def test_an_address_that_does_not_answer_is_asked_once_in_a_while(self) -> None:
        key, up, asked, clock = Ed25519PrivateKey.generate(), [False], [], _Clock()

        def answer(request: httpx.Request) -> httpx.Response:
            asked.append(request)
            return httpx.Response(200, json={"keys": [_public(key, "one")]}) if up[0] else httpx.Response(500)

        tokens, user_id = _tokens(answer, clock), uuid4()
        for _ in range(5):
            with pytest.raises(Unavailable):
                await tokens.caller(_signed(key, "one", user_id))
        assert len(asked) == 1
        up[0], clock.seconds = True, 6
        assert (await tokens.caller(_signed(key, "one", user_id))).user_id == user_id
        up[0], clock.seconds = False, 3_600
        for _ in range(5):
            assert (await tokens.caller(_signed(key, "one", user_id))).user_id == user_id
        assert len(asked) == 3
        # A key that is not known may be a fresh one: whoever has it is not to be told that they are signed out.
        with pytest.raises(Unavailable):
            await tokens.caller(_signed(key, "two", user_id))
        clock.seconds += 6
        await tokens.caller(_signed(key, "one", user_id))
        assert len(asked) == 4

    async def test_while_keys_are_fetched_again_the_old_ones_do(self) -> None:
        key, clock, slow = Ed25519PrivateKey.generate(), _Clock(), asyncio.Event()
        slow.set()

        async def answer(_: httpx.Request) -> httpx.Response:
            await slow.wait()
            return httpx.Response(200, json={"keys": [_public(key, "one")]})

        tokens, user_id = _tokens(answer, clock), uuid4()
        await tokens.caller(_signed(key, "one", user_id))
        slow.clear()
        clock.seconds = 3_600
        first = asyncio.create_task(tokens.caller(_signed(key, "one", user_id)))
        await asyncio.sleep(0)
        for _ in range(5):
            assert (await tokens.caller(_signed(key, "one", user_id))).user_id == user_id
        assert not first.done()
        slow.set()
        assert (await first).user_id == user_id


class _Clock(SystemClock):
    seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


def _tokens(
    answer: Callable[[httpx.Request], httpx.Response] | Callable[[httpx.Request], Coroutine[None, None, httpx.Response]], clock: Clock
) -> Tokens:
    rules = TokenRules(secret=None, jwks_url="https://id.example/keys", issuer=None, audience=None)
    return Tokens(rules, clock, httpx.AsyncClient(transport=httpx.MockTransport(answer)))


def _public(key: Ed25519PrivateKey, kid: str | None) -> dict[str, Any]:
    published: dict[str, Any] = jwt.algorithms.OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return published | ({"kid": kid} if kid else {})


def _signed(key: Ed25519PrivateKey, kid: str | None, user_id: UUID) -> str:
    return jwt.encode(_claims(user_id), key, algorithm="EdDSA", headers={"kid": kid} if kid else None)
