"""The life of a job, as one table. The code, the database's checks, the tests and the drawn diagram all follow it.

| event     | from                 | to         | DUST                                                          |
| --------- | -------------------- | ---------- | ------------------------------------------------------------- |
| accept    | –                    | queued     | hold the price                                                |
| start     | queued               | starting   | capture the hold: "deducted when job starts"                  |
| render    | starting             | processing | –                                                             |
| finish    | processing           | completed  | –                                                             |
| fail      | any live             | failed     | release the hold, or refund the charge                        |
| cancel    | any live             | cancelled  | release the hold; after the charge, refund it unless told not to |
| take over | starting, processing | the same   | –                                                             |
| expire    | final for 24 h       | the same, as a tombstone | –                                               |
"""

from enum import StrEnum


class Status(StrEnum):
    QUEUED = "queued"
    STARTING = "starting"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return self in FINAL


class Step(StrEnum):
    """Where the work itself stands, so that a worker that takes over goes on from there."""

    ACCEPTED = "accepted"
    SUBMITTED = "submitted"
    RENDERED = "rendered"
    STORED = "stored"
    FILED = "filed"


class Event(StrEnum):
    START = "start"
    RENDER = "render"
    FINISH = "finish"
    FAIL = "fail"
    CANCEL = "cancel"


LIVE = frozenset({Status.QUEUED, Status.STARTING, Status.PROCESSING})
FINAL = frozenset(Status) - LIVE

TRANSITIONS: dict[Event, dict[Status, Status]] = {
    Event.START: {Status.QUEUED: Status.STARTING},
    Event.RENDER: {Status.STARTING: Status.PROCESSING},
    Event.FINISH: {Status.PROCESSING: Status.COMPLETED},
    Event.FAIL: dict.fromkeys(LIVE, Status.FAILED),
    Event.CANCEL: dict.fromkeys(LIVE, Status.CANCELLED),
}


def may_move(old: Status, new: Status) -> bool:
    """Whether any event leads from the one to the other."""
    return any(moves.get(old) is new for moves in TRANSITIONS.values())
