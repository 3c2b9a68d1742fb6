"""Identifiers in paths: anything but the words that stand at the same place.

`DELETE /videos/jobs/active` is no job that isn't found, but a wrong method; and `/videos/stats` never meets `/videos/{video_id}`.
"""

from starlette.convertors import Convertor, register_url_convertor


class _AnythingBut(Convertor[str]):
    def __init__(self, *words: str) -> None:
        self.regex = rf"(?!(?:{'|'.join(words)})(?:/|$))[^/]+"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("job", _AnythingBut("active", "events"))
register_url_convertor("video", _AnythingBut("generate", "animate", "stats", "jobs", "quote"))

JOB = "/videos/jobs/{job_id:job}"
VIDEO = "/videos/{video_id:video}"
