"""Chance that is no chance: each decision of a prompt has a throw of its own, so that one more word elsewhere changes nothing here."""

import hashlib
from collections.abc import Mapping


class Dice:
    def __init__(self, seed: int) -> None:
        self._seed = seed

    def throw(self, what: str) -> float:
        """0 to 1, without 1."""
        return int.from_bytes(hashlib.sha256(f"{self._seed}/{what}".encode()).digest()[:6]) / 2**48

    def between(self, what: str, least: int, most: int) -> int:
        return least + int(self.throw(what) * (most - least + 1))

    def pick[T](self, what: str, weights: Mapping[T, float]) -> T:
        """One of these, the likelier the heavier. With weights of nothing only: the first."""
        at = self.throw(what) * sum(weights.values())
        chosen = next(iter(weights))
        for one, weight in weights.items():
            if weight > 0:
                chosen = one
                at -= weight
                if at < 0:
                    break
        return chosen
