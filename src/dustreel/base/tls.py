"""Whom we trust over TLS, read once a process: a reading takes tens of milliseconds, and every client would begin with one."""

import ssl
from functools import cache

import httpx


@cache
def trusted() -> ssl.SSLContext:
    """certifi's authorities, or those of SSL_CERT_FILE and SSL_CERT_DIR. To be shared, never changed."""
    return httpx.create_ssl_context()
