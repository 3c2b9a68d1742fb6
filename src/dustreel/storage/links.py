"""From a key to the address that callers get, and back."""

from dustreel.storage.keys import is_key

MEDIA_PATH = "/media/"


class Links:
    """Public links: the CDN's where there is one, else the API's own."""

    def __init__(self, public_url: str, cdn_url: str | None) -> None:
        """Both without a slash at the end; `cdn_url` serves the keys at its root."""
        self._base = f"{cdn_url}/" if cdn_url else f"{public_url}{MEDIA_PATH}"
        # An upload made before a CDN was set, or through it, is ours all the same; and so is one whose scheme a proxy changed.
        bases = {self._base, f"{public_url}{MEDIA_PATH}"}
        self._ours = tuple(_without_scheme(base) for base in bases)

    def url(self, key: str) -> str:
        return self._base + key

    def key_of(self, url: str) -> str | None:
        """The key behind a link of ours, whatever its scheme; None for any other address."""
        bare = _without_scheme(url)
        for base in self._ours:
            if bare.startswith(base) and is_key(bare[len(base) :]):
                return bare[len(base) :]
        return None


def _without_scheme(url: str) -> str:
    scheme, found, rest = url.partition("://")
    return rest if found and scheme.lower() in ("http", "https") else url
