"""Where videos are kept for good, and the links to them."""

from dustreel.storage.cdn import Cloudflare, Purger, remove
from dustreel.storage.disk import DiskStore
from dustreel.storage.keys import KEY_PATTERN, KINDS, content_type, is_key, new_key
from dustreel.storage.links import PRIVATE_CACHE, PUBLIC_CACHE, LinkExpired, LinkInvalid, Links, Presigned, SignedMedia, Signer
from dustreel.storage.port import LibraryStore, ObjectStore, RemoteStore, StoredObject
from dustreel.storage.reach import Access, open_store
from dustreel.storage.s3 import S3Store

__all__ = [
    "KEY_PATTERN",
    "KINDS",
    "PRIVATE_CACHE",
    "PUBLIC_CACHE",
    "Access",
    "Cloudflare",
    "DiskStore",
    "LibraryStore",
    "LinkExpired",
    "LinkInvalid",
    "Links",
    "ObjectStore",
    "Presigned",
    "Purger",
    "RemoteStore",
    "S3Store",
    "SignedMedia",
    "Signer",
    "StoredObject",
    "content_type",
    "is_key",
    "new_key",
    "open_store",
    "remove",
]
