"""A storyboard for reading."""

from collections.abc import Iterator

from dustreel.providers.sandbox.storyboard import Role, Storyboard


def storyboard_lines(storyboard: Storyboard) -> Iterator[str]:
    yield f"place    {storyboard.place}"
    yield f"when     {storyboard.hour}, {storyboard.season}"
    yield f"weather  {', '.join(storyboard.weather)}"
    yield f"mood     {storyboard.mood}, {storyboard.tempo:g} beats a minute"
    yield f"style    {storyboard.style}" + (f", {' '.join(storyboard.palette)}" if storyboard.palette else "")
    for role in storyboard.roles:
        yield f"role     {_role(role)}"
    for take in storyboard.takes:
        yield f"take     {take.start:.2f} to {take.start + take.seconds:.2f} s: {take.framing}, {take.move.replace('_', ' ')}"
    yield f"seed     {storyboard.seed}"


def _role(role: Role) -> str:
    who = " ".join(word for word in (str(role.count), "young" if role.young else "", role.colour or "", role.subject) if word)
    return f"{who}: {role.action}" + (f", {role.prop}" if role.prop else "")
