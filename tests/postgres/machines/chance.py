"""What time and chance do: hours pass, queue rows are lost, workers come and go. Forged, for no code of ours does it."""

from dataclasses import dataclass, replace
from typing import ClassVar
from uuid import UUID

from dustreel.base.db import Database
from tests.postgres.machines.acts import Act
from tests.postgres.machines.lab import forge
from tests.postgres.machines.world import World


@dataclass(frozen=True)
class Happens(Act[World]):
    """Something that no code of ours does."""

    what: str
    to: UUID

    statements: ClassVar[dict[str, str]] = {
        # Less than five minutes: the audit minds what a sweep has long overlooked.
        "it is overdue": "update jobs set deadline_at = now() - interval '1 minute' where id = %s",
        "it is idle": "update jobs set updated_at = now() - interval '1 hour' where id = %s",
        "it is old": "update jobs set finished_at = now() - interval '2 days', created_at = now() - interval '3 days' "
        "where id = %s and finished_at is not null",
        "its queue row is lost": "delete from oban_jobs where id = (select queue_row from jobs where id = %s)",
        "its queue row is fetched and never acted on": "update oban_jobs set state = 'executing', "
        "attempted_at = timezone('UTC', now()) - interval '1 hour' where id = (select queue_row from jobs where id = %s)",
        "its queue row is being acted on": "update oban_jobs set state = 'executing', attempted_at = timezone('UTC', now()) "
        "where id = (select queue_row from jobs where id = %s) and state in ('available', 'scheduled')",
        "a look is due": "update submissions set wake_at = now() - interval '1 minute' where id = %s and wake_at is not null",
        "a worker beats": "insert into workers (id, host, pid) values (%s, 'here', 1) on conflict (id) do update set beaten_at = now()",
        "a worker dies": "update workers set beaten_at = now() - interval '2 hours' where id = %s",
        "a worker leaves": "delete from workers where id = %s",
    }

    async def play(self, db: Database) -> None:
        await forge(db, self.statements[self.what], self.to)

    def foretell(self, world: World) -> None:
        row, order = world.jobs.get(self.to), world.orders.get(self.to)
        match self.what:
            case "it is overdue" if row:
                world.jobs[self.to] = replace(row, is_overdue=True)
            case "it is idle" if row:
                world.jobs[self.to] = replace(row, is_idle=True)
            case "it is old" if row and row.status.is_final:
                world.jobs[self.to] = replace(row, is_old=True)
            case "its queue row is lost" | "its queue row is fetched and never acted on" if row:
                world.jobs[self.to] = replace(row, errand=None)
            case "a look is due" if order and order.is_due is not None:
                world.orders[self.to] = replace(order, is_due=True)
            case "a worker beats":
                world.beats[self.to] = True
            case "a worker dies" if self.to in world.beats:
                world.beats[self.to] = False
            case "a worker leaves":
                world.beats.pop(self.to, None)
