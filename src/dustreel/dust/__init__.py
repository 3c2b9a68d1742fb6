"""DUST, the money of the house: a double-entry, append-only ledger and the prices. Its writing door is SQL functions (migrations)."""

from dustreel.dust.ledger import Account, Entry, EntryKind, InsufficientDust, balance, entries, grant
from dustreel.dust.prices import Prices

__all__ = ["Account", "Entry", "EntryKind", "InsufficientDust", "Prices", "balance", "entries", "grant"]
