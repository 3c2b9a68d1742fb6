"""The job engine's room, the only one that knows Oban. The queue says "run this now"; our own rows are the truth.

Rows are put by the SQL function `queue_put`, inside the caller's statement.
"""

from dustreel.queue.engine import Engine, Errand, Lane, engine_schema

__all__ = ["Engine", "Errand", "Lane", "engine_schema"]
