"""Identifiers in paths: anything but the words that stand at the same place.

`DELETE /videos/jobs/active` is no job that isn't found, but a wrong method; and `/videos/stats` never meets `/videos/{video_id}`.
"""

from starlette.convertors import Convertor, register_url_convertor


class _Word(Convertor[str]):
    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


class _JobId(_Word):
    regex = "(?!(?:active|events)(?:/|$))[^/]+"


class _VideoId(_Word):
    regex = "(?!(?:generate|animate|stats|models|jobs|quote)(?:/|$))[^/]+"


register_url_convertor("job", _JobId())
register_url_convertor("video", _VideoId())

JOB = "/videos/jobs/{job_id:job}"
VIDEO = "/videos/{video_id:video}"
