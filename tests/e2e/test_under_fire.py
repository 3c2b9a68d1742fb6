"""Processes end in every way that there is, and a caller notices at most a 503. With the paces that the service comes with."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from dustreel.base.vocabulary import Mode
from dustreel.jobs import Status
from tests.conftest import PATIENCE_SECONDS, eventually
from tests.e2e.fire import Caller, Cast, Crowd, FirstLook, Member, Postgres, cast, happens, kept, log, postmaster_of

# The promises, in seconds.
NEXT_LOOK = 2.0
GOES_ON = 15.0
STOPS = 10.0
# Handing over calls for the next one; taking over waits until somebody has been missed for ten seconds.
AT_ONCE = 3.0
# A restart of a server that had to recover.
AWAY = 8.0
NO_HANG = 5.0
# Who claims a look puts its next more than ten seconds off, and between the first looks at an order there are one to four.
CLAIMED = 6.0
# A render that is still under way when all else is in place, on a machine that others use too.
LASTS = 20.0


@dataclass
class Stage:
    """An API, a provider, a database that a test may kill, and workers as each test wants them."""

    cast: Cast
    postgres: Postgres
    api: Member


@pytest.fixture(scope="module")
async def stage() -> AsyncIterator[Stage]:
    async with cast() as (found, postgres):
        yield Stage(found, postgres, await found.serve("--no-worker"))


@dataclass
class Fires:
    """Two that mostly wait burn side by side."""

    worker: asyncio.Task["Aftermath"]
    embedded: asyncio.Task[tuple[int, int]]
    """The database's process before and after."""


@pytest.fixture(scope="module")
async def fires(stage: Stage) -> AsyncIterator[Fires]:
    burning = Fires(asyncio.create_task(_kill_a_worker(stage)), asyncio.create_task(_kill_an_embedded_database()))
    yield burning
    await asyncio.gather(burning.worker, burning.embedded, return_exceptions=True)


@dataclass
class Course:
    """What a caller saw of a job, answer by answer."""

    statuses: list[str] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)

    @property
    def only_went_on(self) -> bool:
        way = list(Status)
        ranks = [way.index(Status(status)) for status in self.statuses]
        return ranks == sorted(ranks) and self.shares == sorted(self.shares)


class Watch:
    """Submits jobs and polls each till it ends."""

    def __init__(self, polls: asyncio.TaskGroup) -> None:
        self._polls = polls
        self.courses: list[Course] = []

    async def __call__(self, caller: Caller, prompt: str, **changes: str) -> str:
        job = await caller.generate(prompt, **changes)
        self.courses.append(Course())
        self._polls.create_task(self._follow(caller, job, self.courses[-1]))
        return job

    async def _follow(self, caller: Caller, job: str, course: Course) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not course.statuses or not Status(course.statuses[-1]).is_final:
                body = await caller.status(job)
                course.statuses.append(body["status"])
                if body.get("progress") is not None:
                    course.shares.append(body["progress"])
                await asyncio.sleep(0.4)


@asynccontextmanager
async def watched_courses() -> AsyncIterator[Watch]:
    """Left when every job has ended."""
    async with asyncio.TaskGroup() as polls:
        yield Watch(polls)


# ── kill -9 of a worker ─────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Aftermath:
    """Seconds till another worker went on: from when a look was due, or from the kill."""

    looks: list[float]
    claimed: float
    download: float
    render: float
    courses: list[Course]
    orders: int
    spent: tuple[int, int]


async def _kill_a_worker(stage: Stage) -> Aftermath:
    """A worker is killed while it renders, fetches, looks and waits; another is there."""
    house, upstream = stage.cast, stage.cast.upstream
    victim, survivor = await house.only("victim", "survivor")
    victim_id, survivor_id = await house.worker_id(victim), await house.worker_id(survivor)
    live, tester = await house.caller(stage.api, mode=Mode.LIVE), await house.caller(stage.api)
    upstream.render_seconds, ordered = 3_600.0, len(upstream.predictions)
    async with watched_courses() as watch:
        with upstream.holding(lambda seen: seen.kind == "output"):
            with survivor.asleep():
                jobs = [await watch(live, f"Film {number}") for number in range(6)]
                orders = await house.orders(jobs)
                fetched = jobs[0]
                upstream.finish(orders[fetched])
                await upstream.asked_for("output", orders[fetched])
                rendered = await watch(tester, f"A pond [sandbox:seconds={LASTS:.0f}]")
                await tester.until(rendered, "processing")
            with upstream.holding(first := FirstLook("victim")):
                claimed = await _only_claimed(house, orders, first)
                row = await house.job(rendered)
                assert (row["worker_id"], row["finished_at"]) == (victim_id, None), "it is to die over its render"
                killed = time.monotonic()
                await victim.kill()

        await _only_claimed(house, orders, first)
        waiting = [job for job in jobs if job not in (fetched, claimed)]
        read, due = time.monotonic(), await house.looks_due(waiting)
        upstream.render_seconds = 0.0  # whoever looks now finds it done
        await house.until_job(rendered, lambda row: row["worker_id"] == survivor_id, "the survivor's")
        resumed = time.monotonic()
    return Aftermath(
        looks=[await upstream.asked_for("look", orders[job], after=read) - due[job] for job in waiting],
        claimed=await upstream.asked_for("look", orders[claimed], after=killed) - killed,
        download=await upstream.asked_for("output", orders[fetched], after=killed) - killed,
        render=resumed - killed,
        courses=watch.courses,
        orders=len(upstream.predictions) - ordered,
        spent=(await live.spent(), await tester.spent()),
    )


@pytest.fixture(scope="module")
async def aftermath(fires: Fires) -> Aftermath:
    return await fires.worker


async def _only_claimed(house: Cast, orders: dict[str, str], first: FirstLook) -> str:
    """The job whose look is held; every other look that was under way is over."""

    async def only() -> str | None:
        due = await house.looks_due(list(orders))
        claimed = [job for job, at in due.items() if at - time.monotonic() > CLAIMED]
        return claimed[0] if [orders[job] for job in claimed] == [first.order] else None

    return await eventually(only, "one look alone to be under way")


async def test_a_killed_workers_waits_go_on_in_another_within_two_seconds_of_their_next_look(aftermath: Aftermath) -> None:
    kept("the next look at an order that waited", max(aftermath.looks), within=NEXT_LOOK)


async def test_a_look_that_it_had_just_claimed_is_made_within_fifteen_seconds(aftermath: Aftermath) -> None:
    kept("the look that had been claimed", aftermath.claimed, within=GOES_ON)


async def test_its_render_goes_on_within_fifteen_seconds(aftermath: Aftermath) -> None:
    kept("the render", aftermath.render, within=GOES_ON)


async def test_the_fetching_of_a_video_goes_on_within_fifteen_seconds(aftermath: Aftermath) -> None:
    kept("the download", aftermath.download, within=GOES_ON)


async def test_all_that_it_had_completes_ordered_once_and_charged_once(aftermath: Aftermath) -> None:
    assert [course.statuses[-1] for course in aftermath.courses] == ["completed"] * 7
    assert aftermath.orders == 6
    assert aftermath.spent == (60, 10)


async def test_no_caller_sees_a_status_or_progress_go_back(aftermath: Aftermath) -> None:
    assert all(course.only_went_on for course in aftermath.courses), aftermath.courses


# ── SIGTERM of a worker ─────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class HandedOver:
    """Seconds till another worker went on: from the word to stop, or from when a look was due."""

    ended: float
    render: float
    download: float
    look: float
    attempts: int
    courses: list[Course]
    films: int
    orders: int
    spent: tuple[int, int]


@pytest.fixture(scope="module")
async def handed_over(stage: Stage) -> HandedOver:
    """A worker is told to stop while it renders, fetches, sends an order, checks a film and waits; another is there."""
    house, upstream = stage.cast, stage.cast.upstream
    heir, leaver = await house.only("survivor", "leaver")
    heir_id = await house.worker_id(heir)
    live, tester = await house.caller(stage.api, mode=Mode.LIVE), await house.caller(stage.api)
    upstream.render_seconds, ordered, kept_before = 3_600.0, len(upstream.predictions), house.films()
    async with watched_courses() as watch:
        with upstream.holding(lambda seen: (seen.kind, seen.order) == ("create", "Sent")):
            with heir.asleep(), upstream.holding(lambda seen: seen.kind == "output"):
                waiting, fetched = [await watch(live, prompt) for prompt in ("Waiting", "Fetched")]
                orders = await house.orders([waiting, fetched])
                upstream.finish(orders[fetched])
                await upstream.asked_for("output", orders[fetched])
                await watch(live, "Sent")
                await upstream.asked_for("create", "Sent")
                rendered = await _in_the_middle(house, tester, watch)
                told = time.monotonic()
                leaving = asyncio.create_task(leaver.stop())
            await house.until_job(rendered, lambda row: row["worker_id"] == heir_id, "the heir's")
            resumed = time.monotonic()
        ended = await leaving
        read, due = time.monotonic(), await house.looks_due([waiting])
        upstream.render_seconds = 0.0
    return HandedOver(
        ended=ended,
        render=resumed - told,
        download=await upstream.asked_for("output", orders[fetched], after=told) - told,
        look=await upstream.asked_for("look", orders[waiting], after=read) - due[waiting],
        attempts=(await house.job(rendered))["attempt"],
        courses=watch.courses,
        films=house.films() - kept_before,
        orders=len(upstream.predictions) - ordered,
        spent=(await live.spent(), await tester.spent()),
    )


async def _in_the_middle(house: Cast, tester: Caller, watch: Watch) -> str:
    """The job that is being rendered, at a moment at which another has just been rendered and is being checked."""
    for _ in range(10):
        rendered = await watch(tester, "A pond [sandbox:seconds=6]")
        finished = await watch(tester, "A pond [sandbox:instant]", duration="medium", resolution="hd_720p")
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (await house.job(finished))["step"] == "accepted":
                await asyncio.sleep(0.002)  # the moment is a short one
        rows = await house.rows("select step, status from jobs where id in (%s, %s) order by id = %s", finished, rendered, rendered)
        if [tuple(row.values()) for row in rows] == [("rendered", "processing"), ("accepted", "processing")]:
            return rendered
    pytest.fail("there was no such moment")


async def test_a_worker_that_is_told_to_stop_hands_its_render_and_its_download_over_at_once(handed_over: HandedOver) -> None:
    kept("the render", handed_over.render, within=AT_ONCE)
    kept("the download", handed_over.download, within=AT_ONCE)
    assert handed_over.attempts == 2, "what it may still write is refused"


async def test_its_waits_go_on_within_two_seconds_of_their_next_look(handed_over: HandedOver) -> None:
    kept("the next look", handed_over.look, within=NEXT_LOOK)


async def test_it_ends_within_ten_seconds(handed_over: HandedOver) -> None:
    kept("its end", handed_over.ended, within=STOPS)


async def test_a_finished_render_is_kept_and_no_film_is_made_twice(handed_over: HandedOver) -> None:
    assert handed_over.films == len(handed_over.courses)


async def test_all_that_it_handed_over_completes_ordered_once_and_charged_once(handed_over: HandedOver) -> None:
    assert {course.statuses[-1] for course in handed_over.courses} == {"completed"}
    assert all(course.only_went_on for course in handed_over.courses), handed_over.courses
    assert handed_over.orders == 3, "the one that was on its way has arrived, once"
    assert sum(handed_over.spent) == 10 * len(handed_over.courses)


# ── kill -9 of PostgreSQL ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_while_a_killed_database_is_away_every_answer_is_a_quick_503_and_then_all_goes_on(stage: Stage) -> None:
    await stage.cast.only("survivor")

    async def away() -> None:
        stage.postgres.kill()
        await asyncio.sleep(AWAY)
        await stage.postgres.start()

    await _outage(stage.cast, stage.api, away)


async def test_a_killed_embedded_database_is_brought_back_by_who_uses_it(fires: Fires) -> None:
    before, after = await fires.embedded
    assert before != after


async def _kill_an_embedded_database() -> tuple[int, int]:
    async with cast(embedded=True) as (house, postgres):
        api = await house.serve("--no-worker")
        await house.worker("worker")
        killed = postmaster_of(postgres.folder)

        async def kill() -> None:
            killed.kill()

        await _outage(house, api, kill)
        await house.audit()
        return killed.pid, postmaster_of(postgres.folder).pid


async def _outage(house: Cast, api: Member, strike: Callable[[], Awaitable[None]]) -> None:
    """Callers all the while; a job that renders here, and one that a provider renders."""
    upstream = house.upstream
    live, tester, crowd = await house.caller(api, mode=Mode.LIVE), await house.caller(api), Crowd()
    upstream.render_seconds = 3_600.0
    waiting = await live.generate("A lighthouse")
    await house.orders([waiting])
    rendered = await tester.generate("A pond [sandbox:seconds=6]")
    await tester.until(rendered, "processing")
    async with asyncio.TaskGroup() as asking:
        for task in (
            crowd.poll(live, waiting),
            crowd.poll(tester, rendered),
            crowd.submit(await house.caller(api)),
            crowd.submit(await house.caller(api), at_once=8),
        ):
            asking.create_task(task)
        await happens(lambda: len(crowd.promised) > 2, "the crowd to be served")
        await strike()
        struck, promised = time.monotonic(), len(crowd.promised)
        upstream.render_seconds = 0.0
        await happens(lambda: crowd.completed == {waiting, rendered}, "both jobs to complete")
        await happens(lambda: len(crowd.promised) > promised + 2, "the crowd to be served again")
        crowd.over.set()
    log.info("the last 503 came after %.2f s; %s", crowd.last_refusal() - struck, crowd.counts())
    assert crowd.complaints == set()
    slowest = max(crowd.answers, key=lambda answer: answer.seconds)
    kept(f"the slowest answer, {slowest.status} to {slowest.asked}", slowest.seconds, within=NO_HANG)
    assert (await house.job(rendered))["attempt"] == 1, "who renders knows nothing of it"
    await house.all_end(crowd.promised)
    assert (await live.spent(), await tester.spent()) == (10, 10)


# ── A rolling restart ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_rolling_restart_under_load_shows_callers_no_error_but_503(stage: Stage) -> None:
    house, crowd = stage.cast, Crowd()
    await house.only("survivor")
    # One that only answers, and one that renders beside it.
    instances = [stage.api, await house.serve()]
    async with asyncio.TaskGroup() as asking:
        for number in range(10):
            asking.create_task(crowd.use(await house.caller(*instances), random.Random(number)))
        for instance in instances:
            await _served(crowd)
            kept("the end of an instance", await instance.stop(), within=STOPS)
            await house.again(instance)
        await _served(crowd)
        crowd.over.set()
    log.info("%s", crowd.counts())
    assert crowd.complaints == set()
    await house.all_end(crowd.promised)


async def _served(crowd: Crowd) -> None:
    before = len(crowd.promised)
    await happens(lambda: len(crowd.promised) >= before + 12, "the crowd to be served")


# ── And after all of it ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_audit_finds_nothing_in_what_is_left(stage: Stage) -> None:
    await stage.cast.audit()
