"""Pictures: our own copies of what callers uploaded or pointed at, so that a job never depends on somebody else's server."""

from dustreel.pictures.album import Album, StoredPicture

__all__ = ["Album", "StoredPicture"]
