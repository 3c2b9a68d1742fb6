"""Where videos are kept for good, and the links to them."""

from dustreel.storage.keys import KINDS, is_key, new_key
from dustreel.storage.links import Links
from dustreel.storage.objects import DiskStore, open_store
from dustreel.storage.port import ObjectStore

__all__ = ["KINDS", "DiskStore", "Links", "ObjectStore", "is_key", "new_key", "open_store"]
