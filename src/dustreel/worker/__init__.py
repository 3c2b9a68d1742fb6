"""What runs behind the API: the worker, which brings jobs from accepted to filed."""

from dustreel.worker.chores import Pace
from dustreel.worker.crew import Crew
from dustreel.worker.foreman import Foreman

__all__ = ["Crew", "Foreman", "Pace"]
