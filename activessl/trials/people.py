"""What simulated people do in a trial project."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from activessl.errors import MeasureError


@dataclass(frozen=True, slots=True)
class People:
    """What people do, as shares and counts; by default they answer everything, rightly and alone.

    Attributes:
        skips: Share of the pool that is none of the classes, which people skip, in [0, 1).
        unknown: Share of the pool that is none of the classes, which people label with a class that the project does
            not have, in [0, 1).
        follows: Probability that a person accepts a wrong suggestion, in [0, 1].
        blind: Whether random questions have no suggestion, as ``annotator.blind_random`` sets it.
        above: Probability from which a class is suggested, as ``annotator.suggest_above`` sets it, in [0, 1].
        mistakes: Probability that a label is wrong, in [0, 1); the same item gets the same wrong label.
        tires: Probability of a wrong label at the end of each round, in [0, 1); 0 at its beginning.
        differ: Number of further people who label each item, each wrong in a fifth of the labels.
        imports: Number of most confident items whose labels are imported after round 5.
        unanswered: Whether rounds 4 and 7 are closed before anybody answered.
        leaves_open: Share of each round, the items with the lowest confidence, that is left open, in [0, 1).
        deletes: Number of most confident items without a label that are deleted after round 6.
        loses: Share of all items, with and without a label, whose files are gone after round 6, in [0, 1).
        clusters: Whether rounds 6 and 8 are clusters of alike items.
        accepts: Whether predictions are accepted after round 6.

    Raises:
        MeasureError: A share or a count out of range.
    """

    skips: float = 0.0
    unknown: float = 0.0
    follows: float = 0.0
    blind: bool = True
    above: float = 0.8
    mistakes: float = 0.0
    tires: float = 0.0
    differ: int = 0
    imports: int = 0
    unanswered: bool = False
    leaves_open: float = 0.0
    deletes: int = 0
    loses: float = 0.0
    clusters: bool = False
    accepts: bool = False

    def __post_init__(self) -> None:
        figures = {"skips + unknown": self.skips + self.unknown} | {name: getattr(self, name) for name in _SHARES}
        bad = [f"{name} = {share:g}" for name, share in figures.items() if not 0 <= share < 1]
        bad += [f"{name} = {getattr(self, name)}" for name in _COUNTS if getattr(self, name) < 0]
        bad += [f"{name} = {share:g}" for name in _WHOLE if not 0 <= (share := getattr(self, name)) <= 1]
        if bad:
            raise MeasureError(
                f"habits out of range: {', '.join(bad)}",
                hint="give shares of at least 0 and below 1, and counts of at least 0",
            )


_WHOLE = ("follows", "above")
_SHARES = ("skips", "unknown", "mistakes", "tires", "leaves_open", "loses")
_COUNTS = ("differ", "imports", "deletes")

#: Habits with names; each cell of docs/results/people.md is one of these.
HABITS: dict[str, People] = {
    "answer everything": People(),
    "skip what is none of the classes": People(skips=0.15),
    "name a class that is not there": People(unknown=0.15),
    "follow suggestions": People(follows=0.6),
    "follow suggestions, random items not blind": People(follows=0.6, blind=False),
    "follow suggestions, doubtful ones are shown, too": People(follows=0.6, above=0.0),
    "make mistakes": People(mistakes=0.1),
    "tire": People(tires=0.1),
    "disagree": People(differ=2),
    "import late": People(imports=300),
    "close rounds unanswered": People(unanswered=True),
    "leave the hard ones open": People(leaves_open=0.2),
    "delete the easy ones": People(deletes=400),
    "lose files": People(loses=0.1),
    "confirm clusters": People(clusters=True),
    "accept in between": People(accepts=True),
}


def people_of(text: str) -> People:
    """Read habits from a name in ``HABITS``, or from settings such as ``skips=0.1,follows=0.5,blind=no``.

    Raises:
        MeasureError: No such name or setting, or a value out of range.

    Example:
        >>> people_of("tire") == People(tires=0.1), people_of("skips=0.1, blind=no")
        (True, People(skips=0.1, unknown=0.0, follows=0.0, blind=False, above=0.8, mistakes=0.0, tires=0.0, differ=0,
        imports=0, unanswered=False, leaves_open=0.0, deletes=0, loses=0.0, clusters=False, accepts=False))
    """
    if text in HABITS:
        return HABITS[text]
    usual = {field.name: field.default for field in fields(People)}
    told: dict[str, Any] = {}
    for part in text.split(","):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if name not in usual or not equals:
            raise MeasureError(
                f"no habit {part.strip()!r}",
                hint=f"name one of {', '.join(HABITS)}; or set {', '.join(usual)}, such as skips=0.1,follows=0.5",
            )
        try:
            if isinstance(usual[name], bool):
                told[name] = _ANSWERS[value.lower()]
            else:
                told[name] = int(value) if isinstance(usual[name], int) else float(value)
        except (KeyError, ValueError):
            raise MeasureError(f"{name} cannot be {value!r}", hint="give a number, or yes or no") from None
    return People(**told)


_ANSWERS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
