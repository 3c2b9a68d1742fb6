"""Who plays: roles from the nouns, the actions and the things of a prompt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dustreel.providers.sandbox.director.dice import Dice
from dustreel.providers.sandbox.director.lexicon import Sheet, lexicon, load
from dustreel.providers.sandbox.director.nouns import Draft, Mention, Nouns, nouns_of, phrase_start
from dustreel.providers.sandbox.director.reading import Find, Reading
from dustreel.providers.sandbox.director.text import Ending
from dustreel.providers.sandbox.storyboard import Action, Role

MOST_ROLES = 3
MOST_OF_ONE = 12

_LINKS = frozenset("with alongside beside after behind together and his her their its by past".split())
_JOINS = frozenset({"and", ",", "with", "or", "plus", "together"})
_ABOARD = frozenset({"in", "inside", "aboard", "on", "onboard"})
# What two do together, where one of them is said to do it.
_SHARED = frozenset({Action.WALK, Action.RUN, Action.DANCE, Action.JUMP, Action.PLAY, Action.FLY, Action.SWIM, Action.SIT, Action.SLEEP})
# What somebody does who is out of sight within the vehicle.
_OF_A_DRIVER = frozenset({None, Action.STAND, Action.SIT, Action.DRIVE, Action.SAIL, Action.FLY, Action.RUN, Action.RISE, Action.WALK})
# All else that is said of one is said of its driver.
_OF_A_VEHICLE = frozenset({Action.STAND, Action.RISE, Action.FALL, Action.DANCE, Action.JUMP, Action.SLEEP})
# These light a place by themselves, too, and leave the hands to others.
_LIGHTS = frozenset({"lantern", "campfire"})
_ON_THE_GROUND = frozenset({Action.WALK, Action.RUN})


@dataclass(frozen=True, slots=True)
class Cast:
    roles: tuple[Role, ...]
    used: frozenset[int]
    """Numbers of the finds whose colours belong to a role."""
    sheets: tuple[Sheet, ...]
    """Of the roles."""
    asked: bool
    """Whether the prompt names any of them; else an action or a thing only stood for one."""
    props: tuple[Sheet, ...]
    """Of all that it mentions."""


def cast(reading: Reading, dice: Dice, *, somewhere: bool) -> Cast:
    """`somewhere`: the prompt names a place, which can do without anybody."""
    nouns = nouns_of(reading)
    absent = _absent(reading)
    nouns.mentions = [mention for mention in nouns.mentions if not _is_absent(mention.draft.sheet, absent)]
    asked = bool(nouns.mentions)
    lone = _act(reading, nouns)
    props = [(number, find.meaning.says.prop) for number, find in enumerate(reading.finds) if _is_prop(find)]
    if not nouns.mentions:
        _stand_in(nouns, lone, [name for _, name in props if name is not None], absent, somewhere=somewhere)
    for number, name in sorted(props, key=lambda prop: prop[1] not in _LIGHTS):
        if name is not None:
            _hand(reading, nouns, number, name)
    drafts = _without_passengers(reading, nouns)
    beside = [mention.draft for mention in nouns.mentions if mention.beside]
    # Trees, and what something else stands by, are seldom what it is about.
    drafts.sort(key=lambda draft: (draft.acted is None) * (("plant" in draft.sheet.tags) * 2 + any(draft is one for one in beside)))
    cast_of = [role for draft in drafts for role in _roles(draft, dice)][:MOST_ROLES]
    known = lexicon()
    named = tuple(known.props[name] for _, name in props if name is not None)
    return Cast(tuple(cast_of), frozenset(nouns.used), tuple(known.subjects[role.subject] for role in cast_of), asked, named)


def _is_prop(find: Find) -> bool:
    return find.meaning.says.prop is not None and find.meaning.says.subject is None and not find.denied


def _absent(reading: Reading) -> set[str]:
    """Subjects that the prompt says there are none of."""
    denied = {find.meaning.says.subject for find in reading.finds if find.denied}
    empty = {find.meaning.says.without for find in reading.finds if not find.denied}
    return {name for name in denied | empty if name is not None}


def _is_absent(sheet: Sheet, absent: set[str]) -> bool:
    # A place without people has no man, no child and no dancer.
    return sheet.name in absent or ("person" in absent and "person" in sheet.tags)


def _act(reading: Reading, nouns: Nouns) -> list[Action]:
    """Give each action to whom it belongs. Returns those that nobody was named for, where they begin a sentence."""
    lone = []
    for number, find in enumerate(reading.finds):
        action = find.meaning.says.action
        if action is None or find.denied or find.meaning.says.subject is not None or number in nouns.used:
            continue
        actors = _actors(reading, nouns.mentions, find)
        for draft in actors:
            if draft.acted in (None, Action.STAND) or (action is Action.PLAY and _plays_something(reading, number)):
                draft.acted = action
        if not actors and _starts(reading, find):
            lone.append(action)
        _share(reading, nouns.mentions, find, action)
    return lone


def _actors(reading: Reading, mentions: Sequence[Mention], find: Find) -> list[Draft]:
    before = [at for at, mention in enumerate(mentions) if mention.end <= find.start]
    here = [at for at in before if reading.same_sentence(mentions[at].start, find.start)]
    if here:
        last = here[-1]
        heads = [at for at in here if not mentions[at].beside and mentions[at].draft.acted is None]
        if mentions[last].beside and heads and find.ending is not Ending.ING:
            last = heads[-1]
        return _joined(reading, mentions, last, back=True)
    after = [at for at, mention in enumerate(mentions) if mention.start >= find.end and reading.same_sentence(find.start, mention.start)]
    if after:
        return _joined(reading, mentions, after[0], back=False)
    # "A fox looks up. It jumps."
    return _joined(reading, mentions, before[-1], back=True) if before else []


def _joined(reading: Reading, mentions: Sequence[Mention], at: int, *, back: bool) -> list[Draft]:
    """With those whom "and" joins to it: "a cat and a dog dance"."""
    drafts = [mentions[at].draft]
    step = -1 if back else 1
    while 0 <= at + step < len(mentions):
        left, right = sorted((at, at + step))
        between = {token.text for token in reading.tokens[mentions[left].end : mentions[right].first]}
        if not between or not _JOINS.issuperset(between) or (between == {","} and mentions[left].beside):
            break
        at += step
        drafts.append(mentions[at].draft)
    return drafts


def _share(reading: Reading, mentions: Sequence[Mention], find: Find, action: Action) -> None:
    """Let those do it too with whom it is done: "dances with a dog", "chases a rabbit"."""
    following = [mention for mention in mentions if mention.start >= find.end and reading.same_sentence(find.start, mention.start)]
    if action not in _SHARED or not following:
        return
    mention = following[0]
    between = {token.text for token in reading.tokens[find.end : mention.first]}
    articles = {token.text for token in reading.tokens[mention.first : mention.start]}
    direct = not between and action in _ON_THE_GROUND
    if (
        mention.draft.acted is None
        and mention.draft.sheet.is_alive
        and (direct or (not _LINKS.isdisjoint(between | articles) and len(between) <= 2))
        and (action is not Action.FLY or "air" in mention.draft.sheet.tags)
    ):
        mention.draft.acted = action


def _plays_something(reading: Reading, number: int) -> bool:
    following = reading.finds[number + 1 : number + 2]
    return bool(following) and following[0].meaning.says.prop is not None and following[0].start - reading.finds[number].end <= 2


def _starts(reading: Reading, find: Find) -> bool:
    return find.start == 0 or reading.tokens[find.start - 1].is_mark or reading.tokens[find.start - 1].text in {"of", "to", "and"}


def _stand_in(nouns: Nouns, lone: Sequence[Action], props: Sequence[str], absent: set[str], *, somewhere: bool) -> None:
    """Somebody for an action or a thing without anybody: "dancing in the rain", "a guitar"."""
    alone: Mapping[str, str] = load("defaults")["alone"]
    name = None
    if any(prop not in _LIGHTS or not somewhere for prop in props):
        name = "dog" if props[0] == "ball" else "person"
    elif lone:
        name = alone[lone[0]]
    if name is not None and not _is_absent(sheet := lexicon().subjects[name], absent):
        nouns.mentions.append(Mention(0, 0, 0, Draft(sheet, acted=lone[0] if lone else None), beside=False))


def _hand(reading: Reading, nouns: Nouns, number: int, prop: str) -> None:
    """Give a thing to whom it belongs: the last before it in the sentence that can hold it, else the next, else anybody."""
    at = reading.finds[number].start
    # Whoever reads by a lantern holds the book.
    able = [mention for mention in nouns.mentions if mention.draft.sheet.is_alive and mention.draft.prop in _LIGHTS | {None, prop}]
    here = [mention for mention in able if reading.same_sentence(mention.start, at)]
    first = phrase_start(reading, number)
    before = [mention for mention in here if mention.end <= first]
    heads = (
        [mention for mention in before if mention.draft.acted is Action.PLAY] if prop in lexicon().props and _is_instrument(prop) else []
    )
    after = [mention for mention in here if mention.start > at]
    for choice in (heads, before, after[:1], able):
        if choice:
            choice[-1].draft.prop = prop
            return


def _is_instrument(prop: str) -> bool:
    return "instrument" in lexicon().props[prop].tags


def _without_passengers(reading: Reading, nouns: Nouns) -> list[Draft]:
    """Leave out people who are inside: of "a woman drives a car" one sees the car."""
    inside: list[Draft] = []
    for mention, following in zip(nouns.mentions, nouns.mentions[1:], strict=False):
        draft, vehicle = mention.draft, following.draft
        if "person" not in draft.sheet.tags or "vehicle" not in vehicle.sheet.tags or draft.prop or draft.acted not in _OF_A_DRIVER:
            continue
        between = [token.text for token in reading.tokens[mention.end : following.first]]
        drives = any(
            find.meaning.says.action in (Action.DRIVE, Action.SAIL, Action.FLY, Action.RUN)
            and mention.end <= find.start
            and find.end == following.first
            for find in reading.finds
        )
        if drives or (between and between[-1] in _ABOARD and len(between) <= 3):
            inside.append(draft)
            vehicle.acted = vehicle.acted or (draft.acted if draft.acted in (Action.DRIVE, Action.SAIL, Action.FLY, Action.RISE) else None)
    return [draft for draft in nouns.drafts if not any(draft is one for one in inside)]


def _roles(draft: Draft, dice: Dice) -> list[Role]:
    name = draft.sheet.name
    if draft.players:
        return [Role(name, draft.acted or Action.PLAY, colour=draft.colour, prop=prop, young=draft.young) for prop in draft.players]
    return [Role(name, _action(draft), _count(draft, dice), draft.colour, draft.prop, draft.young)]


def _action(draft: Draft) -> Action:
    action = draft.acted or draft.habit
    if draft.prop is not None:
        if _is_instrument(draft.prop) and action in (None, Action.STAND, Action.SIT):
            return Action.PLAY
        action = action or lexicon().props[draft.prop].action
    if action is None:
        return draft.sheet.action
    tags = draft.sheet.tags
    if "vehicle" in tags and action not in _OF_A_VEHICLE:
        return draft.sheet.action
    if "water" in tags and "animal" in tags and action in (_ON_THE_GROUND | {Action.FLY, Action.SAIL}):
        return Action.SWIM
    return action


def _count(draft: Draft, dice: Dice) -> int:
    if draft.count is not None:
        return min(max(draft.count, 1), MOST_OF_ONE)
    if not draft.plural:
        return 1
    many: Mapping[str, list[int]] = load("defaults")["many"]
    least, most = next((some for tag, some in many.items() if tag in draft.sheet.tags), [2, 4])
    return dice.between(f"count/{draft.sheet.name}", least, most)
