"""Deliberate bugs, of the kind that the harness is there to find. Each is put into a forked service, never into the product's files."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dustreel.jobs import Step, life, submissions
from dustreel.storage.disk import DiskStore
from dustreel.worker import pipeline
from dustreel.worker import remote as remote_way


@dataclass(frozen=True)
class Mutant:
    break_product: Callable[[], None]
    break_database: str = ""
    """What is taken out of the database, so that only the harness stands between the bug and the caller."""


def _resubmit_after_an_unclear_answer() -> None:
    """An order whose fate is unknown counts as refused, and is sent again."""
    original = remote_way._let_go

    async def let_go(job: Any, crew: Any) -> Any:
        async with crew.db.connection() as connection:
            submission = await submissions.of_job(connection, job.id)
        if submission is None or submission.state is not submissions.State.INTENT:
            return await original(job, crew)
        return await crew.write(
            lambda db: submissions.refused(db, job, submission.id, because="unclear", provider=job.provider, model=job.model)
        )

    remote_way._let_go = let_go


def _refund_without_looking() -> None:
    """A cancel gives DUST back whatever the job's status is, and once more at every repetition."""

    async def cancel(db: Any, job: Any, *, refund_charge: bool) -> None:
        await db.execute(
            b"update jobs set status = 'cancelled', finished_at = coalesce(finished_at, now()), updated_at = now() where id = %s", (job.id,)
        )
        row = await (await db.execute(b"select started_at is not null from jobs where id = %s", (job.id,))).fetchone()
        await db.execute(b"select dust_give_back(%s, %s)", (job.id, row[0]))

    life.cancel = cancel


def _complete_before_it_is_stored() -> None:
    """The row says stored, and the file follows once the job is filed."""
    puts: list[tuple[Any, ...]] = []
    file_video = pipeline.file_video

    async def later(store: DiskStore, key: str, file: Path, content_type: str) -> None:
        puts.append((store, key, file.read_bytes(), content_type))

    async def file_first(job: Any, crew: Any) -> Any:
        finished = await file_video(job, crew)
        while puts:
            store, key, data, content_type = puts.pop()
            await store.put_bytes(key, data, content_type)
        return finished

    setattr(DiskStore, "put_file", later)  # noqa: B010 - the type checker is right to mind
    pipeline.STEPS[Step.STORED] = file_first


MUTANTS = {
    "resubmit after an unclear answer": Mutant(_resubmit_after_an_unclear_answer),
    "refund without looking": Mutant(
        _refund_without_looking,
        "drop trigger jobs_move on jobs; drop trigger jobs_resolved on jobs; drop trigger dust_entries_fit on dust_entries; "
        "alter table dust_entries drop constraint dust_once_a_job_and_kind; drop index dust_hold_resolved_once; "
        "alter table jobs drop constraint job_completed_has_a_video; alter table jobs drop constraint job_progress_fits;",
    ),
    "complete before it is stored": Mutant(_complete_before_it_is_stored),
}
