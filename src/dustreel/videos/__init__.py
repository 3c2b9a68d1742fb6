"""Videos: what a user keeps. A job is forgotten after a day; its video stays until its owner deletes it."""

from dustreel.videos.library import (
    VideoFilter,
    by_job,
    delete,
    file_video,
    find,
    page,
    removals_due,
    remove_later,
    removed,
    set_favorite,
    try_again_later,
)
from dustreel.videos.video import NewVideo, Video, VideoNotFound

__all__ = [
    "NewVideo",
    "Video",
    "VideoFilter",
    "VideoNotFound",
    "by_job",
    "delete",
    "file_video",
    "find",
    "page",
    "removals_due",
    "remove_later",
    "removed",
    "set_favorite",
    "try_again_later",
]
