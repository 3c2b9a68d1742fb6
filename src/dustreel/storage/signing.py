"""S3's own signature (AWS Signature Version 4) in a URL's query: for links that expire, and for the few calls that obstore doesn't make."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

_FORM = "%Y%m%dT%H%M%SZ"
_UNRESERVED = "-_.~"


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where a bucket is, and who we are there."""

    endpoint: str
    """`https://host` or `http://host:port`, without a slash at the end."""
    name: str
    region: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)
    prefix: str = ""
    """Before every key: empty, or with a slash at the end."""

    @property
    def url(self) -> str:
        """The bucket's own address, by its path: names with dots break TLS as part of a host's name."""
        return f"{self.endpoint}/{self.name}"

    def object_url(self, key: str) -> str:
        return f"{self.url}/{quote(self.prefix + key, safe='/' + _UNRESERVED)}"

    def presign(self, method: str, url: str, *, at: datetime, seconds: int, query: Mapping[str, str] | None = None) -> str:
        """This bucket's or one of its objects' `url`, signed so that anybody may do this one thing with it for so long."""
        moment = at.astimezone(UTC).strftime(_FORM)
        parts, scope = urlsplit(url), f"{moment[:8]}/{self.region}/s3/aws4_request"
        signed = {
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Credential": f"{self.access_key_id}/{scope}",
            "X-Amz-Date": moment,
            "X-Amz-Expires": str(seconds),
            "X-Amz-SignedHeaders": "host",
            **({"X-Amz-Security-Token": self.session_token} if self.session_token else {}),
            **(query or {}),
        }
        said = "&".join(f"{quote(name, safe=_UNRESERVED)}={quote(value, safe=_UNRESERVED)}" for name, value in sorted(signed.items()))
        request = "\n".join([method, parts.path, said, f"host:{parts.netloc}", "", "host", "UNSIGNED-PAYLOAD"])
        to_sign = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(request.encode()).hexdigest()])
        key = f"AWS4{self.secret_access_key}".encode()
        for part in scope.split("/"):
            key = _hmac(key, part)
        return f"{url}?{said}&X-Amz-Signature={_hmac(key, to_sign).hex()}"


def signed_at(moment: str) -> datetime | None:
    """The time of an X-Amz-Date; None when it is none."""
    try:
        return datetime.strptime(moment, _FORM).replace(tzinfo=UTC)
    except ValueError:
        return None


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
