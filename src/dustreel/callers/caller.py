"""A caller, once known."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from dustreel.base.vocabulary import Mode


class Role(StrEnum):
    USER = "user"
    SERVICE = "service"
    """A back end in front of us: may act for any user."""
    ADMIN = "admin"
    """May grant DUST."""


@dataclass(frozen=True, slots=True)
class Caller:
    user_id: UUID
    mode: Mode
    role: Role

    @property
    def acts_for_others(self) -> bool:
        return self.role is Role.SERVICE

    def may_act_for(self, user_id: UUID) -> bool:
        return self.acts_for_others or user_id == self.user_id
