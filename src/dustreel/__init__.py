"""Dustreel: a self-hosted, asynchronous video-generation API service."""

__version__ = "0.1.0"
