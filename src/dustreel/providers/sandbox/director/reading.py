"""Which words of a prompt are known, what they mean where they stand, and which of them are said not to be so."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dustreel.providers.sandbox.director.lexicon import SUBJECT, Condition, Entry, Lexicon, Meaning, lexicon, listed, load
from dustreel.providers.sandbox.director.text import Ending, Token, tokens_of

_WORDS = load("grammar")["words"]
ARTICLES, POSSESSIVES, PREPOSITIONS, PRONOUNS, AUXILIARIES, CONJUNCTIONS = (
    frozenset(listed(_WORDS[kind])) for kind in ("articles", "possessives", "prepositions", "pronouns", "auxiliaries", "conjunctions")
)
FUNCTION_WORDS = ARTICLES | POSSESSIVES | PREPOSITIONS | PRONOUNS | AUXILIARIES | CONJUNCTIONS

_NEGATORS = tuple(tuple(phrase.split()) for phrase in listed(_WORDS["negators"]))
_NOT_NEGATING = tuple(tuple(phrase.split()) for phrase in listed(_WORDS["not_negating"]))
# How many words may stand between "no" and what there is none of.
_NEGATION_REACHES = 6
_SUBJECT_WITHIN = 3


@dataclass(frozen=True, slots=True)
class Find:
    """Known words: tokens `start` to `end`, which isn't among them."""

    start: int
    end: int
    meaning: Meaning
    ending: Ending
    """Of the last word."""
    denied: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    tokens: tuple[Token, ...]
    finds: tuple[Find, ...]
    """In their order, never overlapping."""

    def same_sentence(self, first: int, second: int) -> bool:
        return not any(token.ends_sentence for token in self.tokens[min(first, second) : max(first, second)])


def read(prompt: str) -> Reading:
    tokens = tokens_of(prompt)
    finds: list[Find] = []
    at = 0
    while at < len(tokens):
        found = _find(tokens, at, finds, lexicon())
        if found is not None:
            finds.append(found)
        at = at + 1 if found is None else found.end
    denied = _denied(tokens, finds)
    return Reading(tokens, tuple(Find(f.start, f.end, f.meaning, f.ending, denied=number in denied) for number, f in enumerate(finds)))


def _find(tokens: Sequence[Token], at: int, before: Sequence[Find], known: Lexicon) -> Find | None:
    """The longest known words that begin here; of a word's forms, the one as written goes first."""
    longest = _longest(tokens, at, known)
    for words in longest:
        entries = [entry for entry in known.by_first_word[words[0]] if entry.words == words]
        end = at + len(words)
        ending = tokens[end - 1].forms[words[-1]]
        meaning = _meaning(entries, tokens, at, end, ending, before, known)
        if meaning is not None:
            return Find(at, end, meaning, ending)
    return None


def _longest(tokens: Sequence[Token], at: int, known: Lexicon) -> list[tuple[str, ...]]:
    """The longest entries' words that stand here, once each."""
    found: dict[tuple[str, ...], None] = {}
    for form in tokens[at].forms:
        for entry in known.by_first_word.get(form, ()):
            if _stands(entry.words, tokens, at):
                found.setdefault(entry.words)
    most = max(map(len, found), default=0)
    return [words for words in found if len(words) == most]


def _stands(words: tuple[str, ...], tokens: Sequence[Token], at: int) -> bool:
    return at + len(words) <= len(tokens) and all(word in token.forms for word, token in zip(words, tokens[at:], strict=False))


def _meaning(
    entries: Sequence[Entry], tokens: Sequence[Token], at: int, end: int, ending: Ending, before: Sequence[Find], known: Lexicon
) -> Meaning | None:
    """None where every entry has a condition and none holds."""
    meaning: Meaning | None = None
    for entry in entries:
        if entry.condition is None:
            meaning = entry.meaning if meaning is None else meaning.and_then(entry.meaning)
        elif _holds(entry.condition, tokens, at, end, ending, before, known):
            return entry.meaning
    return meaning


def _holds(asked: Condition, tokens: Sequence[Token], at: int, end: int, ending: Ending, before: Sequence[Find], known: Lexicon) -> bool:
    if asked.starts and not (at == 0 or tokens[at - 1].is_mark):
        return False
    if asked.endings and ending not in asked.endings:
        return False
    if asked.before and not (
        (end < len(tokens) and not asked.before.isdisjoint(tokens[end].forms))
        or (SUBJECT in asked.before and _subject_follows(tokens, end, known))
    ):
        return False
    if asked.after and (at == 0 or asked.after.isdisjoint(tokens[at - 1].forms)):
        return False
    if asked.near and not any(not asked.near.isdisjoint(token.forms) for token in tokens):
        return False
    return asked.verb is None or asked.verb == _is_verb(tokens, at, ending, before)


def _subject_follows(tokens: Sequence[Token], at: int, known: Lexicon) -> bool:
    """As in "little red fox": a subject at once, or after words that may be adjectives."""
    for place in range(at, min(at + _SUBJECT_WITHIN, len(tokens))):
        if tokens[place].is_mark or tokens[place].text in FUNCTION_WORDS:
            return False
        for words in _longest(tokens, place, known):
            if any(entry.meaning.says.subject for entry in known.by_first_word[words[0]] if entry.words == words):
                return True
    return False


def _is_verb(tokens: Sequence[Token], at: int, ending: Ending, before: Sequence[Find]) -> bool:
    """Whether a word that may be both is a verb here: after "they", "to", "will", or a subject whose number it has."""
    if ending in (Ending.ING, Ending.PAST):
        return True
    follows = bool(before) and before[-1].end == at and before[-1].meaning.says.subject is not None
    if follows and Ending.PAST in tokens[at].forms.values():
        # "The balloon rose."
        return True
    while at > 0 and tokens[at - 1].text.endswith("ly"):
        at -= 1
    if at == 0:
        return False
    if tokens[at - 1].text in PRONOUNS | AUXILIARIES:
        return tokens[at - 1].text not in {"is", "are", "was", "were", "that", "has", "have", "had"}
    if follows:
        return (before[-1].ending is Ending.PLAIN) == (ending is Ending.S)
    return False


def _denied(tokens: Sequence[Token], finds: Sequence[Find]) -> set[int]:
    """Numbers of the finds that the prompt says there are none of."""
    by_start = {find.start: number for number, find in enumerate(finds)}
    inside = {at for find in finds for at in range(find.start, find.end)}
    denied: set[int] = set()
    for at in range(len(tokens)):
        if at in inside or any(_said(tokens, at - back, phrase) for phrase in _NOT_NEGATING for back in range(len(phrase))):
            continue
        for phrase in _NEGATORS:
            if _said(tokens, at, phrase):
                denied.update(_scope(tokens, at + len(phrase), by_start, finds))
    return denied


def _said(tokens: Sequence[Token], at: int, phrase: Sequence[str]) -> bool:
    return 0 <= at <= len(tokens) - len(phrase) and all(token.text == word for token, word in zip(tokens[at:], phrase, strict=False))


def _scope(tokens: Sequence[Token], at: int, by_start: dict[int, int], finds: Sequence[Find]) -> Iterator[int]:
    """From behind "no" on: the first things named, and what "or", "nor" or a bare "and" adds to them."""
    reached, began = False, at
    while at < len(tokens) and not tokens[at].ends_sentence and tokens[at].text != "but":
        number = by_start.get(at)
        if number is not None:
            yield number
            reached, at = True, finds[number].end
            continue
        if reached:
            step = _adds(tokens, at, by_start)
            if step is None:
                return
            at += step
        elif at - began >= _NEGATION_REACHES or tokens[at].text == ",":
            return
        else:
            at += 1


def _adds(tokens: Sequence[Token], at: int, by_start: dict[int, int]) -> int | None:
    """How many tokens lead on to a further thing that there is none of; None where the list is over."""
    text = tokens[at].text
    rest = [token.text for token in tokens[at + 1 : at + 3]]
    if text in {"or", "nor"}:
        return 2 if rest and rest[0] in ARTICLES and at + 2 in by_start else 1
    if text == "and" and at + 1 in by_start:
        return 1
    if text == ",":
        if rest[:1] in (["or"], ["nor"]):
            return 2
        # "No rain, wind or people": a list that ends in "or".
        following = [token.text for token in tokens[at + 1 : at + 6]]
        if at + 1 in by_start and ("or" in following or "nor" in following):
            return 1
    return None
