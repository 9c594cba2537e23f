"""What a watched model has seen, in one small file between the looks."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from activessl.errors import HeadError
from activessl.sealed import write_atomic

FORMAT = 1
#: Hex digits that are kept of the hash of an item: among a million items, two agree with a probability of 1e-7.
_DIGITS = 16
_MOST_BYTES = 200_000_000


@dataclass(frozen=True, slots=True)
class Look:
    """One look.

    Attributes:
        listed: Hash of the contents of its items.
        p: Its p-value.
        level: The level that it spent.
        drift: Whether it was an alarm.
    """

    listed: str
    p: float
    level: float
    drift: bool


@dataclass(frozen=True)
class WatchState:
    """The looks at the items of one model.

    Attributes:
        model: Digest of the model; empty before the first look.
        looks: The looks, oldest first.
        seen: Beginnings of the hashes of all items that were looked at.
    """

    model: str = ""
    looks: tuple[Look, ...] = ()
    seen: frozenset[str] = frozenset()

    @property
    def alarm(self) -> int | None:
        """The number of the first look that found a difference, from 1; None without one."""
        return next((number for number, look in enumerate(self.looks, start=1) if look.drift), None)

    def of(self, model: str) -> WatchState:
        """This state, if it is that of this model, or of none yet.

        Raises:
            HeadError: It is that of another model.
        """
        if self.model and self.model != model:
            raise HeadError(
                f"the state file is that of the model {self.model[:12]}, not of {model[:12]}",
                hint="name another file with --state for this model",
            )
        return replace(self, model=model)

    def after(self, look: Look, items: Iterable[str]) -> WatchState:
        """This state after another look at items with these hashes."""
        return replace(self, looks=(*self.looks, look), seen=self.seen.union(item[:_DIGITS] for item in items))

    def save(self, path: Path) -> None:
        """Write the state atomically.

        Raises:
            HeadError: The file cannot be written.
        """
        looks = [[look.listed, look.p, look.level, look.drift] for look in self.looks]
        content = {"format": FORMAT, "model": self.model, "looks": looks, "seen": sorted(self.seen)}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(path, (json.dumps(content) + "\n").encode())
        except OSError as bad:
            raise HeadError(
                f"cannot write {path}: {bad.strerror or bad}", hint="name a file with --state that you can write"
            ) from None

    @classmethod
    def load(cls, path: Path) -> WatchState:
        """Read a state; a missing file is the state before the first look.

        Raises:
            HeadError: The file is something else, or of a newer version: without it, looks would be counted anew, and
                false alarms would be more likely than stated.
        """
        if not path.exists():
            return cls()
        try:
            if path.stat().st_size > _MOST_BYTES:
                raise ValueError("too large")
            told = json.loads(path.read_bytes())
            version = told["format"]
            looks = tuple(Look(str(a), float(b), float(c), d is True) for a, b, c, d in told["looks"])
            found = cls(str(told["model"]), looks, frozenset(map(str, told["seen"])))
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            raise HeadError(
                f"{path} is no state of a watched model", hint="restore it, or name another file with --state"
            ) from None
        if version != FORMAT:
            raise HeadError(f"the state {path} has format {version}, not {FORMAT}", hint="update activessl")
        return found
