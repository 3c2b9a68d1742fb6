"""Who is mentioned: each noun with its article, number, colour and age, and what stands before it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from dustreel.providers.sandbox.director.lexicon import Sheet, lexicon, listed, load
from dustreel.providers.sandbox.director.reading import ARTICLES, FUNCTION_WORDS, POSSESSIVES, PREPOSITIONS, Find, Reading
from dustreel.providers.sandbox.director.text import Ending, same_in_plural
from dustreel.providers.sandbox.storyboard import Action, Place

_SINGULAR = frozenset({"a", "an", "another", "this", "that", "each", "every"})
_KNOWN = POSSESSIVES | frozenset({"the", "this", "that", "these", "those"})
_COMPARES = frozenset({"like", "as", "than"})
_NO_PLACE_WORDS = frozenset({"of", "when", "while", "where", "with"}) | _COMPARES
_PREPOSITIONS_OF = (["front", "of"], ["top", "of"], ["out", "of"], ["middle", "of"], ["back", "of"])
# Adjectives between an article and its noun.
_FURTHEST = 6
_COLOURED_BY = frozenset(
    "is are was were painted coloured colored all in a an wearing wears dressed very with its her his bright clad".split()
)
_WORN, _NOT_WORN = (frozenset(listed(load("grammar")["words"][kind])) for kind in ("worn", "not_worn"))


@dataclass
class Draft:
    """A role, not yet complete."""

    sheet: Sheet
    count: int | None = None
    plural: bool = False
    colour: str | None = None
    young: bool = False
    prop: str | None = None
    players: tuple[str, ...] = ()
    acted: Action | None = None
    """What the prompt says that it does."""
    habit: Action | None = None
    """What its name says that it does: a pianist plays."""


@dataclass
class Mention:
    first: int
    """The token with which its noun phrase begins."""
    start: int
    end: int
    draft: Draft
    beside: bool
    """Behind a preposition: "near a dog", "on the train"."""


@dataclass
class Nouns:
    mentions: list[Mention] = field(default_factory=list)
    used: set[int] = field(default_factory=set)
    """Numbers of the finds that said something about a noun: colours, participles."""

    @property
    def drafts(self) -> list[Draft]:
        once: list[Draft] = []
        for mention in self.mentions:
            if not any(mention.draft is draft for draft in once):
                once.append(mention.draft)
        return once


@dataclass
class _Phrase:
    first: int
    article: str = ""
    count: int | None = None
    colours: list[tuple[int, str]] = field(default_factory=list)
    young: bool = False
    participle: int | None = None


def nouns_of(reading: Reading) -> Nouns:
    nouns, compared = Nouns(), []
    for number, find in enumerate(reading.finds):
        says = find.meaning.says
        if says.subject is None or find.denied or _is_modifier(reading.finds, number):
            continue
        phrase = _phrase(reading, number)
        before = reading.tokens[phrase.first - 1].text if phrase.first > 0 else ""
        mention = Mention(phrase.first, find.start, find.end, _draft(reading, number, phrase, nouns), _is_beside(reading, phrase.first))
        if before in _COMPARES:
            compared.append(mention)
            continue
        _use(nouns, phrase, mention, reading)
    if not nouns.mentions:
        # "As big as an elephant": better than nobody.
        nouns.mentions += compared
    _colours_behind(reading, nouns)
    return nouns


def phrase_start(reading: Reading, number: int) -> int:
    """The token with which a noun's article and adjectives begin."""
    return _phrase(reading, number).first


def _is_modifier(finds: Sequence[Find], number: int) -> bool:
    """The robot in "robot dog"."""
    find = finds[number]
    following = finds[number + 1] if number + 1 < len(finds) else None
    return (
        following is not None
        and following.start == find.end
        and find.ending is Ending.PLAIN
        and not following.denied
        and following.meaning.says.subject is not None
    )


def _is_beside(reading: Reading, first: int) -> bool:
    before = [token.text for token in reading.tokens[max(first - 2, 0) : first]]
    return before[-1:] != [] and (before[-1] in PREPOSITIONS - _NO_PLACE_WORDS or before in _PREPOSITIONS_OF)


def _draft(reading: Reading, number: int, phrase: _Phrase, nouns: Nouns) -> Draft:
    find = reading.finds[number]
    says = find.meaning.says
    name = says.subject or ""
    earlier = reading.finds[number - 1] if number > 0 and _is_modifier(reading.finds, number - 1) else None
    if says.players and earlier is not None and earlier.meaning.says.subject is not None:
        name = earlier.meaning.says.subject
    sheet = lexicon().subjects[name]
    if phrase.article == "its" and nouns.mentions and "person" in sheet.tags:
        # An elephant's mother is an elephant.
        sheet = nouns.mentions[-1].draft.sheet
    colour = phrase.colours[-1][1] if phrase.colours else next(iter(says.colours), None)
    plural = find.ending is Ending.S or (same_in_plural(reading.tokens[find.end - 1].text) and phrase.article not in _SINGULAR | {"the"})
    if phrase.article in _KNOWN - {"its"} and phrase.count is None:
        for draft in reversed(nouns.drafts):
            if draft.sheet is sheet and colour in (None, draft.colour):
                return draft
    return Draft(
        sheet,
        count=phrase.count or says.count,
        plural=plural,
        colour=colour,
        young=sheet.is_alive and (phrase.young or says.young),
        prop=says.prop,
        players=says.players,
        habit=says.action,
    )


def _use(nouns: Nouns, phrase: _Phrase, mention: Mention, reading: Reading) -> None:
    nouns.used.update(number for number, _ in phrase.colours)
    before = nouns.mentions[-1] if nouns.mentions else None
    nouns.mentions.append(mention)
    if phrase.participle is not None:
        verb = reading.finds[phrase.participle]
        # "Dancing dogs" dance; in "a man walking dogs" the man walks.
        if before is None or before.end != verb.start:
            mention.draft.acted = mention.draft.acted or verb.meaning.says.action
            nouns.used.add(phrase.participle)


def _phrase(reading: Reading, number: int) -> _Phrase:
    """Read from the noun to the left, up to its article or to a word that can't belong to it."""
    tokens, finds = reading.tokens, reading.finds
    by_last = {find.end - 1: index for index, find in enumerate(finds)}
    phrase = _Phrase(finds[number].start)
    at = finds[number].start - 1
    while at >= 0 and finds[number].start - at <= _FURTHEST + 2:
        index, text = by_last.get(at), tokens[at].text
        if index is not None:
            if not _adjective(phrase, finds, index, number):
                break
            at = finds[index].start - 1
            phrase.first = at + 1
            continue
        if text in ARTICLES | POSSESSIVES:
            phrase.article, phrase.first = text, at
            if at > 0 and tokens[at - 1].text == "of" and finds[number].start - at < _FURTHEST:
                _counted_of(phrase, reading, by_last.get(at - 2))
            break
        if tokens[at].is_mark and not (
            text == "," and finds[number].start - at > 1 and by_last.get(at - 1) is not None and _is_colour(finds, by_last[at - 1])
        ):
            break
        if text in FUNCTION_WORDS and not (text == "and" and phrase.colours and _is_colour(finds, by_last.get(at - 1))):
            if text == "of" and phrase.first == at + 1:
                _counted_of(phrase, reading, by_last.get(at - 1))
            break
        at -= 1
    return phrase


def _adjective(phrase: _Phrase, finds: Sequence[Find], index: int, noun: int) -> bool:
    """Note what a find before the noun says of it; False where it can't belong to it."""
    find, says = finds[index], finds[index].meaning.says
    if says.prop is not None or (says.place is not None and says.place is not Place.SKY and find.end != finds[noun].start):
        return False
    if says.subject is not None:
        if find.end != finds[noun].start or not _is_modifier(finds, index):
            return False
        phrase.young = phrase.young or says.young
    elif says.action is not None:
        if find.ending not in (Ending.ING, Ending.PAST) or phrase.participle is not None:
            return False
        phrase.participle = index
    if says.subject is None:
        phrase.colours += [(index, colour) for colour in says.colours[:1]]
        phrase.count = phrase.count or says.count
        phrase.young = phrase.young or says.young
    return not find.denied


def _is_colour(finds: Sequence[Find], index: int | None) -> bool:
    return index is not None and bool(finds[index].meaning.says.colours) and finds[index].meaning.says.subject is None


def _counted_of(phrase: _Phrase, reading: Reading, index: int | None) -> None:
    """The three of "three of the dogs"."""
    if index is not None and (count := reading.finds[index].meaning.says.count) is not None:
        phrase.count, phrase.first = count, reading.finds[index].start


def _colours_behind(reading: Reading, nouns: Nouns) -> None:
    """As in "the cat is black" and "a woman in a red dress"."""
    for number, find in enumerate(reading.finds):
        if not _is_colour(reading.finds, number) or number in nouns.used or find.denied:
            continue
        at_end = find.end == len(reading.tokens) or reading.tokens[find.end].is_mark
        following = frozenset() if at_end else frozenset(reading.tokens[find.end].forms)
        if not _NOT_WORN.isdisjoint(following):
            nouns.used.add(number)
            continue
        before = [mention for mention in nouns.mentions if mention.end <= find.start]
        if not before:
            continue
        between = [token.text for token in reading.tokens[before[-1].end : find.start]]
        fits = at_end or not following.isdisjoint(_WORN | FUNCTION_WORDS)
        if 0 < len(between) <= 4 and fits and _COLOURED_BY.issuperset(between):
            before[-1].draft.colour = before[-1].draft.colour or find.meaning.says.colours[0]
            nouns.used.add(number)
