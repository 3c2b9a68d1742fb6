"""A soft sound track that fits a storyboard, made by a few small synthesisers."""

from dustreel.providers.sandbox.sound.score import score

__all__ = ["score"]
