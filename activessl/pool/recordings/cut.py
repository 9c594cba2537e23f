"""How long recordings are cut: the windows, and the ids that tell file and place.

The id of a window is that of its recording with a fragment, as addresses have it: ``#t=10,20`` in seconds (W3C Media
Fragments, 2012), ``#char=0,950`` in characters of a text (RFC 5147, 2008), ``#values=0,500`` in values of a series
without times, ``#t=12`` for the frame of a video at a time. A place is told by where it begins and ends, never by a
running number: after a change of the step, the windows that both cuts have keep their ids.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

#: Units by the names that people write, with the base unit and the factor.
_UNITS = {
    "": ("s", "1"),
    "s": ("s", "1"),
    "sec": ("s", "1"),
    "second": ("s", "1"),
    "ms": ("s", "0.001"),
    "min": ("s", "60"),
    "minute": ("s", "60"),
    "h": ("s", "3600"),
    "hour": ("s", "3600"),
    "value": ("values", "1"),
    "sample": ("values", "1"),
    "word": ("words", "1"),
    "char": ("characters", "1"),
    "character": ("characters", "1"),
}
#: The units of each form of data.
UNITS = {"audio": ("s",), "series": ("s", "values"), "text": ("words", "characters"), "image": ()}

#: A recording with more windows is refused: most likely the unit is not the one that was meant.
MOST_WINDOWS = 200_000

#: The endings of the names of videos, of which frames are items.
VIDEOS = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm")

_LENGTH = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", re.IGNORECASE)
_FRAGMENT = re.compile(r"#(t|values|char)=(\d+(?:\.\d+)?)(?:,(\d+(?:\.\d+)?))?$")


class Length(NamedTuple):
    """A length with its unit: "s", "values", "words" or "characters"."""

    value: Decimal
    unit: str

    def __str__(self) -> str:
        return f"{_plain(self.value)} {self.unit}"


def length_of(text: str | float) -> Length:
    """Read a length, such as "10 s", "500 values" or "200 words"; a number alone is in seconds.

    Raises:
        ValueError: It is none, or not above zero.

    Example:
        >>> print(length_of("1.50min"), length_of(2), length_of("500 values"), sep=", ")
        90 s, 2 s, 500 values
    """
    match = _LENGTH.fullmatch(str(text))
    name = match[2].lower() if match else ""
    known = _UNITS.get(name) or _UNITS.get(name.removesuffix("s"))
    if match is None or known is None:
        raise ValueError(f"{str(text)[:40]!r} is no length: write it such as '10 s', '500 values' or '200 words'")
    value = Decimal(match[1]) * Decimal(known[1])
    if value <= 0:
        raise ValueError(f"{str(text)[:40]!r} is not above zero")
    if known[0] != "s" and value != value.to_integral_value():
        raise ValueError(f"{str(text)[:40]!r} is not a whole number of {known[0]}")
    return Length(value, known[0])


class Span(NamedTuple):
    """A part of a recording: values from ``start`` to before ``stop``, and the fragment of its id."""

    start: int
    stop: int
    fragment: str


@dataclass(frozen=True, slots=True)
class Cut:
    """How recordings are cut.

    Attributes:
        window: The length of a window; None for frames.
        step: From the beginning of a window to that of the next.
        frames: The time from frame to frame of a video; None for windows.
    """

    window: Length | None = None
    step: Length | None = None
    frames: Length | None = None

    @classmethod
    def of(cls, window: str | float | None, step: str | float | None, frames: str | float | None) -> Cut | None:
        """Read a cut as the settings have it; None without one.

        Raises:
            ValueError: A length cannot be read, or they do not fit together.

        Example:
            >>> print(Cut.of("10 s", "5 s", None))
            windows of 10 s, every 5 s
            >>> Cut.of(None, None, None) is None
            True
        """
        if frames is not None:
            if window is not None or step is not None:
                raise ValueError("frames exclude window and step: remove frames, or both others")
            every = length_of(frames)
            if every.unit != "s":
                raise ValueError(f"frames are taken at times, not every {every}: write it such as '1 s'")
            return cls(frames=every)
        if window is None:
            if step is not None:
                raise ValueError("a step needs a window: set window, too")
            return None
        length = length_of(window)
        apart = length if step is None else length_of(step)
        if apart.unit != length.unit:
            raise ValueError(f"window is in {length.unit}, and step in {apart.unit}: use one unit")
        return cls(length, apart)

    def __str__(self) -> str:
        if self.window is None:
            return f"a frame every {self.frames}"
        return f"windows of {self.window}, every {self.step}"

    def settings(self) -> dict[str, str]:
        """As the settings have it."""
        named = {"window": self.window, "step": self.step, "frames": self.frames}
        return {name: str(value) for name, value in named.items() if value is not None}

    def misfit(self, modality: str) -> str | None:
        """Say why a form of data cannot be cut like this; None if it can.

        Example:
            >>> Cut.of("10 s", None, None).misfit("text")
            "windows of text are in words or characters, not in s: set window to such as '200 words'"
        """
        if self.frames is not None:
            return None if modality == "image" else f"frames are images, and the form of data is {modality}"
        units = UNITS.get(modality, ())
        if not units:
            why = ": frames of videos need frames" if modality == "image" else ""
            return f"{modality} items have no windows{why}"
        unit = self.window.unit if self.window else ""
        if unit in units:
            return None
        example = {"s": "10 s", "words": "200 words"}[units[0]]
        return f"windows of {modality} are in {' or '.join(units)}, not in {unit}: set window to such as {example!r}"

    @property
    def overlaps(self) -> bool:
        """Whether windows share a part with the next."""
        return self.window is not None and self.step is not None and self.step.value < self.window.value

    def spans(self, count: int, rate: float | None) -> Iterator[Span]:
        """Yield the windows of a recording of ``count`` values, in order.

        A rest behind the last window that is at least half a step long is covered by one more window, which ends where
        the recording ends; a shorter rest is left out. A recording shorter than a window is one item.

        Args:
            count: Number of values.
            rate: Values a second, for windows in seconds; None for those in values.

        Raises:
            ValueError: A window has less than two values, or there are too many windows.

        Example:
            >>> [span.fragment for span in Cut.of("2 s", "1 s", None).spans(35, 10)]
            ['#t=0,2', '#t=1,3', '#t=1.5,3.5']
        """
        assert self.window is not None and self.step is not None  # frames have no spans
        per = Fraction(1) if rate is None else Fraction(rate)
        size, apart = (Fraction(one.value) for one in (self.window, self.step))
        wide = round(size * per)
        if wide < 2 or apart * per < 1:
            raise ValueError(f"{self} are less than two values, at {float(per):g} values a second")
        if count / (apart * per) > MOST_WINDOWS:
            raise ValueError(f"{self} are more than {MOST_WINDOWS:,} windows")
        if count <= wide:
            yield Span(0, count, _fragment(0, count, rate))
            return
        k, stop = 0, 0
        while (start := round(k * apart * per)) + wide <= count:
            stop = start + wide
            begin = k * apart
            named = f"#t={_plain(begin)},{_plain(begin + size)}" if rate is not None else _fragment(start, stop, None)
            yield Span(start, stop, named)
            k += 1
        if apart <= size and 2 * (count - stop) >= apart * per:
            yield Span(count - wide, count, _fragment(count - wide, count, rate))


def _fragment(start: int, stop: int, rate: float | None) -> str:
    if rate is None:
        return f"#values={start},{stop}"
    return f"#t={_plain(Fraction(start) / Fraction(rate))},{_plain(Fraction(stop) / Fraction(rate))}"


def _plain(value: Decimal | Fraction | int) -> str:
    """A number with at most six decimals, without zeros at its end.

    Example:
        >>> _plain(Decimal("10.50")), _plain(Fraction(1, 3)), _plain(100)
        ('10.5', '0.333333', '100')
    """
    text = f"{Decimal(round(Fraction(value) * 10**6)).scaleb(-6):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


class Place(NamedTuple):
    """Where an item lies in its recording: "t" in seconds, "values" or "char"; ``stop`` is None for a frame."""

    recording: str
    unit: str
    start: float
    stop: float | None

    def span(self, rate: float | None) -> tuple[int, int]:
        """The first value, and the one behind the last."""
        stop = self.start if self.stop is None else self.stop
        per = 1.0 if rate is None else rate
        first = round(self.start * per)
        return first, first + round((stop - self.start) * per)


def place_of(item: str) -> Place | None:
    """Read the place in the id of a window or a frame; None for other items.

    Example:
        >>> place_of("night/a.wav#t=10,20")
        Place(recording='night/a.wav', unit='t', start=10.0, stop=20.0)
        >>> place_of("a.wav") is None
        True
    """
    match = _FRAGMENT.search(item)
    if match is None or not match.start():
        return None
    return Place(item[: match.start()], match[1], float(match[2]), None if match[3] is None else float(match[3]))


def recording_of(item: str) -> str:
    """The recording of a window or a frame; other items are their own.

    Example:
        >>> recording_of("night/a.wav#t=10,20"), recording_of("photo.png")
        ('night/a.wav', 'photo.png')
    """
    match = _FRAGMENT.search(item)
    return item if match is None or not match.start() else item[: match.start()]
