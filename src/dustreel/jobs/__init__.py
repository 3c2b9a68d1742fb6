"""Jobs: their states, their life, and the reading of them."""

from dustreel.jobs import life, submissions, traffic
from dustreel.jobs.audit import Finding, audit
from dustreel.jobs.desk import Desk, DeskRules, Wish
from dustreel.jobs.estimates import Alike, Estimates
from dustreel.jobs.job import (
    IdempotencyKeyReused,
    Job,
    JobExpired,
    JobNotCancellable,
    JobNotFound,
    Overtaken,
    Person,
    TooManyActiveJobs,
)
from dustreel.jobs.life import Accepted, Deadlines, Draft, Idempotency, Terms
from dustreel.jobs.states import FINAL, LIVE, Status, Step
from dustreel.jobs.submissions import Due, Submission
from dustreel.jobs.traffic import Allowance
from dustreel.jobs.views import Active, Glance, JobReads, Statistics, find, history

__all__ = [
    "FINAL",
    "LIVE",
    "Accepted",
    "Active",
    "Alike",
    "Allowance",
    "Deadlines",
    "Desk",
    "DeskRules",
    "Draft",
    "Due",
    "Estimates",
    "Finding",
    "Glance",
    "Idempotency",
    "IdempotencyKeyReused",
    "Job",
    "JobExpired",
    "JobNotCancellable",
    "JobNotFound",
    "JobReads",
    "Overtaken",
    "Person",
    "Statistics",
    "Status",
    "Step",
    "Submission",
    "Terms",
    "TooManyActiveJobs",
    "Wish",
    "audit",
    "find",
    "history",
    "life",
    "submissions",
    "traffic",
]
