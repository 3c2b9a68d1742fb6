"""A prompt as tokens: each word with the forms that it may be a form of, and the marks that end a sentence or a part of one."""

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files

# Longer prompts than any caller's limit allows are read no further.
MOST_TOKENS = 1_200

_PIECES = re.compile(r"[a-z]+(?:'[a-z]+)?|\d+[a-z]*|[.,;:!?()\n]")
_ENDS = frozenset(".;:!?()\n")
_VOWELS = "aeiou"


class Ending(StrEnum):
    PLAIN = "plain"
    S = "s"
    """A plural, or a verb's third person."""
    ING = "ing"
    PAST = "past"


@dataclass(frozen=True, slots=True)
class Token:
    text: str
    """In lower case and without accents; of marks, the mark."""
    forms: Mapping[str, Ending]
    """What may stand in the lexicon: "foxes" may be "foxes", "foxe" or "fox". Empty for marks."""

    @property
    def ends_sentence(self) -> bool:
        return self.text in _ENDS

    @property
    def is_mark(self) -> bool:
        return not self.forms


def tokens_of(text: str) -> tuple[Token, ...]:
    return tuple(
        Token(piece, {} if piece in _ENDS or piece == "," else _forms(piece))
        for number, piece in enumerate(_PIECES.findall(_plain(text)))
        if number < MOST_TOKENS
    )


def _plain(text: str) -> str:
    """Latin letters without accents, in lower case; dashes as commas, hyphens as spaces, pictographs by their names."""
    text = "".join(map(_spelt, text)).replace("’", "'").lower()
    text = "".join(mark for mark in unicodedata.normalize("NFKD", text) if not unicodedata.combining(mark))
    text = re.sub(r"\s*[–—]\s*|\s-+\s", ", ", text)
    text = re.sub(r"(?<=\w)[-‐‑_/](?=\w)", " ", text)
    return re.sub(r"n't\b", " not", text)


def _spelt(mark: str) -> str:
    if ord(mark) < 0x2600 or unicodedata.category(mark) != "So":
        return mark
    # 🐈 is called CAT, and 🌅 SUNRISE.
    return f", {unicodedata.name(mark, '').lower().removesuffix(' face')} ,"


@cache
def _forms(word: str) -> Mapping[str, Ending]:
    word = word.removesuffix("'s") if word.endswith("'s") else word
    forms = {word: Ending.PLAIN}
    if word in _small_words():
        # "Does" is no herd of deer.
        return forms
    irregular = _irregular()
    for ending, bases in ((Ending.S, _singulars(word)), (Ending.ING, _before_ing(word)), (Ending.PAST, _before_ed(word))):
        known = irregular[ending].get(word)
        for base in (*((known,) if known else ()), *bases):
            if len(base) > 1:
                forms.setdefault(base, ending)
    return forms


@cache
def _grammar() -> Mapping[str, Mapping[str, str]]:
    return tomllib.loads(files(__package__).joinpath("lexicon", "grammar.toml").read_text("utf-8"))


def _irregular() -> Mapping[Ending, Mapping[str, str]]:
    known = _grammar()
    return {Ending.S: known["plural"], Ending.ING: known["ing"], Ending.PAST: known["past"]}


@cache
def _small_words() -> frozenset[str]:
    kinds = ("articles", "possessives", "prepositions", "pronouns", "auxiliaries", "conjunctions")
    return frozenset(word.strip() for kind in kinds for word in _grammar()["words"][kind].split(","))


def _singulars(word: str) -> list[str]:
    if len(word) < 4 or not word.endswith("s") or word.endswith("ss"):
        return []
    bases = [word[:-1]]
    if word.endswith("es"):
        bases.append(word[:-2])
    if word.endswith("ies"):
        bases.append(word[:-3] + "y")
    if word.endswith("ves"):
        bases += [word[:-3] + "f", word[:-3] + "fe"]
    return bases


def _before_ing(word: str) -> list[str]:
    return _stems(word[:-3]) if word.endswith("ing") and len(word) > 4 else []


def _before_ed(word: str) -> list[str]:
    if not word.endswith("ed") or len(word) < 5:
        return []
    return [*_stems(word[:-2]), *([word[:-3] + "y"] if word.endswith("ied") else [])]


def _stems(stem: str) -> list[str]:
    """Of "danc" dance; of "runn" run; of "walk" walk."""
    doubled = len(stem) > 2 and stem[-1] == stem[-2] and stem[-1] not in _VOWELS
    return [stem, stem + "e", *([stem[:-1]] if doubled else [])]


def same_in_plural(word: str) -> bool:
    """Fish, sheep, people."""
    return _irregular()[Ending.S].get(word) == word
