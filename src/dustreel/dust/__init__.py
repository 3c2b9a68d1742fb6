"""DUST, the money of the house: a double-entry, append-only ledger and the prices. Its writing door is SQL functions (migrations)."""

from dustreel.dust.ledger import Account, Entry, EntryKind, GrantKeyReused, InsufficientDust, balance, entries, grant, is_reserved
from dustreel.dust.prices import Prices

__all__ = ["Account", "Entry", "EntryKind", "GrantKeyReused", "InsufficientDust", "Prices", "balance", "entries", "grant", "is_reserved"]
