"""How the camera sees it: one take, or several where the prompt names no move that would have to go on through all of them."""

from dustreel.providers.sandbox.director.casting import Cast
from dustreel.providers.sandbox.director.dice import Dice
from dustreel.providers.sandbox.director.reading import Reading
from dustreel.providers.sandbox.storyboard import Action, Framing, Move, Take

SECONDS_A_TAKE = 5
# So short a take still lets one see who is there.
SHORTEST_SECONDS = 3.0
# How far a cut goes from the even share to meet a beat.
_PLAY_SECONDS = 0.5
_FRAMES = 24

_WITH_ROLES = {
    (Framing.WIDE, Framing.MEDIUM, Framing.CLOSE): 4.0,
    (Framing.WIDE, Framing.CLOSE, Framing.MEDIUM): 2.0,
    (Framing.MEDIUM, Framing.CLOSE, Framing.WIDE): 3.0,
    (Framing.MEDIUM, Framing.WIDE, Framing.CLOSE): 2.0,
}
_PLACE_ALONE = {(Framing.WIDE, Framing.MEDIUM, Framing.WIDE): 1.0}
_QUIET = {Move.DRIFT: 5.0, Move.PUSH_IN: 3.0, Move.PULL_OUT: 1.0}
_UNDER_WAY = {Move.FOLLOW: 4.0, Move.DRIFT: 3.0, Move.PUSH_IN: 1.0}
_TRAVELS = frozenset({Action.RUN, Action.DRIVE, Action.SAIL, Action.WALK, Action.FLY})


def takes_of(reading: Reading, cast: Cast, dice: Dice, *, seconds: int, tempo: float, fixed: bool) -> tuple[Take, ...]:
    says = [find.meaning.says for find in reading.finds if not find.denied]
    denied = [find.meaning.says.move for find in reading.finds if find.denied]
    moves = [one.move for one in says if one.move is not None]
    framings = [one.framing for one in says if one.framing is not None]
    # "No camera movement" is said of the smallest that there is.
    if fixed or Move.FIXED in moves or Move.DRIFT in denied:
        moves = [Move.FIXED]
    many = max(seconds // SECONDS_A_TAKE, 1)
    many = min(many, len(moves)) if moves else many
    framings = _framings(cast, dice, framings, many)
    return tuple(
        Take(start, end - start, framing, moves[number] if moves else _unasked(cast, dice, number, denied))
        for number, (start, end, framing) in enumerate(zip(*_cuts(dice, seconds, many, tempo), framings, strict=True))
    )


def _framings(cast: Cast, dice: Dice, named: list[Framing], many: int) -> list[Framing]:
    """Those that the prompt names first, then others: no two alike in a row."""
    chosen = named[:many]
    usual = dice.pick("framings", _WITH_ROLES if cast.roles else _PLACE_ALONE)
    while len(chosen) < many:
        fresh = [framing for framing in usual if framing not in chosen] or [framing for framing in usual if framing is not chosen[-1]]
        chosen.append(fresh[0])
    return chosen


def _unasked(cast: Cast, dice: Dice, number: int, denied: list[Move | None]) -> Move:
    weights = _UNDER_WAY if cast.roles and cast.roles[0].action in _TRAVELS else _QUIET
    return dice.pick(f"move/{number}", {move: weight for move, weight in weights.items() if move not in denied or move is Move.DRIFT})


def _cuts(dice: Dice, seconds: int, many: int, tempo: float) -> tuple[list[float], list[float]]:
    """Starts and ends of the takes: on a beat near the even share, and on a frame."""
    beat = 60 / tempo
    cuts: list[float] = []
    for number in range(1, many):
        share = seconds * number / many + (dice.throw(f"cut/{number}") * 2 - 1) * _PLAY_SECONDS
        cut = round(share / beat) * beat
        at = min(max(cut, (cuts[-1] if cuts else 0.0) + SHORTEST_SECONDS), seconds - SHORTEST_SECONDS * (many - number))
        cuts.append(round(at * _FRAMES) / _FRAMES)
    return [0.0, *cuts], [*cuts, float(seconds)]
