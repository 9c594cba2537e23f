"""What the series of a pool have in common: the names and the order of their channels, and the time step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from activessl.arguments import listed
from activessl.pool.forms.base import channels_text

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float

#: Names in a message; the rest is counted.
_NAMED = 5

#: Steps that differ by a smaller part are equal, and series are resampled only to steps that differ by at most the
#: second factor: beyond, one of the two has another unit.
_SAME, _FARTHEST = 0.05, 8.0


@dataclass(frozen=True, slots=True)
class Axes:
    """The channels and the time step of every series of a pool, or of those that an encoder was fitted to.

    Attributes:
        channels: Names of the channels, in the order in which they are read; empty where they have no names.
        count: Number of channels; 0 where it is not known.
        step: Time from value to value, in seconds or the unit of the files; None where it is not known.
    """

    channels: tuple[str, ...] = ()
    count: int = 0
    step: float | None = None

    def to_json(self) -> dict[str, Any]:
        """As JSON values, for an encoder's configuration; empty where nothing is known but the number.

        Example:
            >>> Axes(("x", "y"), 2).to_json(), Axes(count=2).to_json()
            ({'channels': ['x', 'y']}, {})
        """
        named: dict[str, Any] = {"channels": list(self.channels)} if self.channels else {}
        return named | ({} if self.step is None else {"step": self.step})

    @classmethod
    def of_json(cls, values: dict[str, Any], count: int) -> Axes:
        """Read what ``to_json`` returned.

        Example:
            >>> Axes.of_json({"channels": ["x", "y"]}, 2) == Axes(("x", "y"), 2)
            True
        """
        return cls(tuple(values.get("channels", ())), count, values.get("step"))


#: Of a pool of which no channels are known.
UNKNOWN = Axes()


class Described(Protocol):
    """What is known of one series: the names of its channels, its shape (channels, time), and its time step."""

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels in the order of the file; empty without names."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """(channels, time)."""
        ...

    @property
    def step(self) -> float | None:
        """Time from value to value; None where it is not known."""
        ...


def agreed(items: Sequence[Described], before: Axes | None = None) -> Axes:
    """Find the channels that most series have, in the order that most of these series have, and their median step.

    Args:
        items: The series, in the order of the pool, which decides between equally frequent ones.
        before: The axes of the same pool at an earlier time: with the same names, their order and the step are kept,
            so that new files never change how the others are read.

    Example:
        >>> from activessl.pool.pool import Item
        >>> def item(*channels: str) -> Item:
        ...     return Item("", "", (len(channels), 9), channels=channels)
        >>> agreed([item("x", "y"), item("y", "x"), item("x", "y"), item("z")]).channels
        ('x', 'y')
    """
    if not items:
        return Axes()
    usual = Counter(map(_names, items)).most_common(1)[0][0]
    fitting = [item for item in items if _names(item) == usual]
    channels = Counter(item.channels for item in fitting).most_common(1)[0][0]
    if before is not None and sorted(before.channels) == sorted(channels):
        channels = before.channels
    steps = sorted(item.step for item in fitting if item.step is not None)
    step = steps[(len(steps) - 1) // 2] if steps else None
    if step is not None and before is not None and before.step is not None and before.channels == channels:
        step = before.step
    return Axes(channels, fitting[0].shape[0], step)


def _names(item: Described) -> tuple[tuple[str, ...], int]:
    return tuple(sorted(item.channels)), item.shape[0]


def misfit(item: Described, axes: Axes, others: str = "most files have") -> str | None:
    """Say why a series does not have the channels, or about the step, of the others; None if it fits.

    Args:
        item: The series.
        axes: The channels that it should have.
        others: Who has them, with the verb.

    Example:
        >>> from activessl.pool.pool import Item
        >>> misfit(Item("", "", (2, 9), channels=("x", "u")), Axes(("x", "y"), 2))
        "lacks the channel 'y' and has 'u' too; most files have the channels 'x', 'y'"
        >>> misfit(Item("", "", (2, 9), channels=("y", "x")), Axes(("x", "y"), 2)) is None
        True
    """
    if item.channels and axes.channels:
        lacking = [name for name in axes.channels if name not in item.channels]
        extra = [name for name in item.channels if name not in axes.channels]
        told = f"; {others} {_channels(axes.channels)}"
        if lacking or extra:
            without = f"lacks {_channels(lacking)}" if lacking else ""
            more = f"has {_listed(extra)} too" if lacking else f"has {_channels(extra)} too"
            return " and ".join(part for part in (without, more if extra else "") if part) + told
        if item.channels != axes.channels and len(set(item.channels)) < len(item.channels):
            return f"has two channels of one name, in another order{told}"
        return _other_unit(item, axes, others)
    if axes.channels and not item.channels:
        return f"has no header line, so its channels have no names; {others} {_channels(axes.channels)}"
    if axes.count and item.shape[0] != axes.count:
        return f"has {channels_text(item.shape[0])}; {others} {axes.count:,}"
    if item.channels and axes.count:
        return f"has {_channels(item.channels)}; {others} no header line, so the channels have no names"
    return _other_unit(item, axes, others)


def _other_unit(item: Described, axes: Axes, others: str) -> str | None:
    if item.step is None or axes.step is None or 1 / _FARTHEST <= item.step / axes.step <= _FARTHEST:
        return None
    return f"has a time step of {item.step:.4g}; {others} {axes.step:.4g}"


def other_step(step: float | None, axes: Axes) -> bool:
    """Whether a series is resampled, because its step is known and is another than that of the axes.

    Example:
        >>> other_step(0.1, Axes(step=0.1001)), other_step(0.2, Axes(step=0.1)), other_step(None, Axes(step=0.1))
        (False, True, False)
    """
    return step is not None and axes.step is not None and abs(step / axes.step - 1) > _SAME


def aligned(series: Float[np.ndarray, "c t"], item: Described, axes: Axes) -> Float[np.ndarray, "c u"]:
    """Put the channels of a series into the order of the axes, by their names, and resample it to their step.

    What is not known of either stays as it is.

    Example:
        >>> import numpy as np
        >>> from activessl.pool.pool import Item
        >>> item = Item("", "", (2, 1), channels=("y", "x"))
        >>> aligned(np.array([[1.0], [2.0]]), item, Axes(("x", "y"), 2)).tolist()
        [[2.0], [1.0]]
    """
    if item.channels and axes.channels and item.channels != axes.channels:
        series = series[[item.channels.index(name) for name in axes.channels]]
    if item.step is not None and axes.step is not None and other_step(item.step, axes):
        from activessl.pool.clock import resampled  # imports numpy, needed only where there are series

        series = resampled(series, item.step, axes.step)
    return series


def _channels(names: Sequence[str]) -> str:
    return f"the channel{'s' * (len(names) != 1)} {_listed(names)}"


def _listed(names: Sequence[str]) -> str:
    return listed((f"'{name[:40]}'" for name in names), _NAMED)
