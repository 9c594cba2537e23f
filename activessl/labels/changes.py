"""Changes of the classes of a project: how the names of earlier times are read now. Pure.

A name never comes back for another class (``Naming.taken``), so a name alone tells its meaning, with one exception:
where classes were merged into one of them, its name means more from then on, until that is taken back. Therefore a name
is read from the moment when it was given. What stays open is never guessed: the reading has several classes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from activessl.arguments import listed

#: The kinds of changes.
Verb = Literal["rename", "merge", "split", "add"]

#: What XML, and so the label config of Label Studio, cannot hold.
_NO_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def odd_name(name: str) -> str | None:
    """Return what is wrong with the name of a class; None for a name that every part of a project can hold.

    Example:
        >>> odd_name("cat"), odd_name(" cat"), odd_name("c" + chr(7))
        (None, 'is empty or has spaces around it', 'has a control character')
    """
    if not name.strip() or name != name.strip():
        return "is empty or has spaces around it"
    if _NO_XML.search(name):
        return "has a control character"
    return f"has {len(name)} characters, 200 are allowed" if len(name) > 200 else None


@dataclass(frozen=True)
class Change:
    """One change of the classes, or that an earlier change was taken back.

    Attributes:
        verb: What was done; for an undo, what is taken back.
        into: Each replaced name, and the names that replace it: several after a split. Empty if a class was added.
        number: The permanent number of the change; an undo has the number of the change that it takes back.
        before: The classes of the project before.
        added: Classes that were added.
        undo: Whether it takes the change of that number back.
    """

    verb: Verb
    into: Mapping[str, tuple[str, ...]]
    number: int
    before: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    undo: bool = False

    def taken_back(self) -> Change:
        """Return the change that takes this one back: each new name is again the names that it replaced."""
        back: dict[str, tuple[str, ...]] = {}
        for old, news in self.into.items():
            for new in news:
                back[new] = (*back.get(new, ()), old)
        return Change(self.verb, back, self.number, (), self.added, undo=True)

    def to_text(self) -> str:
        """Word the change, as a clause.

        Example:
            >>> Change("split", {"dog": ("pup", "hound")}, 3).to_text()
            "class 'dog' was split into 'pup' and 'hound'"
        """
        names = _quoted(self.into)
        news = _quoted(dict.fromkeys(name for several in self.into.values() for name in several))
        if self.undo:
            what = {"rename": "renaming", "merge": "merging", "split": "splitting", "add": "adding"}[self.verb]
            to = {"rename": "to", "merge": "into", "split": "into"}.get(self.verb, "")
            done = f"{what} {news} {to} {names}" if to else f"{what} {_quoted(self.added)}"
            return f"{done} was taken back"
        if self.verb == "add":
            return f"class {_quoted(self.added)} was added"
        if self.verb == "merge":
            return f"classes {names} were merged into {news}"
        return f"class {names} was {'renamed to' if self.verb == 'rename' else 'split into'} {news}"


@dataclass(frozen=True)
class Reading:
    """What a name given at some moment means now.

    Attributes:
        names: The classes of now that it may be: one, or several if a person has to say which.
        by: The change that left it open; None with one class.
        same: Whether only renames lie between, so that name and class mean exactly the same.
    """

    names: tuple[str, ...]
    by: Change | None = None
    same: bool = True

    @property
    def why(self) -> str:
        """Why it is open; empty with one class."""
        return "" if self.by is None else f"{self.by.to_text()}: it may be {_quoted(self.names, 'or')}"


@dataclass(frozen=True)
class Naming:
    """All changes of the classes of a project, oldest first.

    Example:
        >>> naming = Naming((Change("merge", {"pup": ("dog",), "hound": ("dog",)}, 1),))
        >>> naming.read("pup").names, naming.classes(["cat", "pup", "hound"])
        (('dog',), ('cat', 'dog'))
        >>> back = Naming((*naming.steps, naming.steps[0].taken_back()))
        >>> back.read("pup", 0).names, back.read("dog", 1).names
        (('pup',), ('pup', 'hound'))
    """

    steps: tuple[Change, ...] = ()
    _read: dict[tuple[str, int], Reading] = field(default_factory=dict, compare=False, repr=False)

    @property
    def standing(self) -> tuple[Change, ...]:
        """The changes that were not taken back."""
        undone = {step.number for step in self.steps if step.undo}
        return tuple(step for step in self.steps if not step.undo and step.number not in undone)

    @property
    def earlier(self) -> tuple[str, ...]:
        """The names that stood for classes, and no longer do."""
        names = dict.fromkeys(name for step in self.steps for name in step.into)
        return tuple(name for name in names if self.replaced(name))

    @property
    def withdrawn(self) -> frozenset[str]:
        """Classes that were added, and taken back."""
        found: set[str] = set()
        for step in self.steps:
            found = found | set(step.added) if step.undo else found - {*step.added, *_news(step)}
        return frozenset(found)

    def after(self, step: Change) -> Naming:
        """Return the changes after one more."""
        return Naming((*self.steps, step))

    def read(self, name: str, since: int | None = None) -> Reading:
        """Return what a name means now.

        Args:
            name: The name of a class, also of one that the project does not have.
            since: How many changes had happened when the name was given; None for now.
        """
        at = len(self.steps) if since is None else since
        if (name, at) not in self._read:
            self._read[name, at] = self._follow(name, at)
        return self._read[name, at]

    def read_either(self, name: str, *moments: int) -> Reading:
        """Return what a name means now that was given at one of these moments: open where it may be open.

        Else the first moment decides. The readings then differ only where the name stood for no class at a moment.
        """
        found = [self.read(name, moment) for moment in dict.fromkeys(moments)]
        first = found[0]
        if all(one.names == first.names for one in found) or all(one.by is None for one in found):
            return first
        together = tuple(dict.fromkeys(name for one in found for name in one.names))
        return Reading(together, next(one.by for one in found if one.by is not None), same=False)

    def replaced(self, name: str, since: int | None = None) -> bool:
        """Whether a name stood for a class, and no longer does."""
        return self._replaced_by(name, len(self.steps) if since is None else since) is not None

    def _replaced_by(self, name: str, at: int) -> int | None:
        for i in reversed(range(at)):
            into = self.steps[i].into
            if any(name in names for names in into.values()):
                return None
            if name in into:
                return i
        return None

    def _follow(self, name: str, at: int) -> Reading:
        start = self._replaced_by(name, at)
        steps: list[Change] = []
        for step in self.steps[at if start is None else start :]:
            there = next((i for i, one in enumerate(steps) if one.number == step.number), None)
            if step.undo and there is not None:
                del steps[there]
            else:
                steps.append(step)
        names: tuple[str, ...] = (name,)
        by: Change | None = None
        same = True
        for step in steps:
            touched = [one for one in names if one in step.into]
            now = tuple(dict.fromkeys(new for one in names for new in step.into.get(one, (one,))))
            if touched:
                same = same and step.verb == "rename"
            by = None if len(now) == 1 else step if len(now) > len(names) else by
            names = now
        return Reading(names, by, same)

    def classes(self, own: Iterable[str]) -> tuple[str, ...]:
        """Return the classes of now for those of ``activessl.toml``, which may be of an earlier time.

        A process may be killed between ledger and file, or somebody may restore an old file.
        """
        named = {name: None for one in own for name in (self.read(one).names if self.replaced(one) else (one,))}
        return tuple(named)

    def taken(self, name: str, means: Iterable[str]) -> str | None:
        """Return why a name cannot be given to a class; None if it can.

        Args:
            name: The new name.
            means: The classes of now that get the name.
        """
        now = self.read(name).names if self.replaced(name) else ()
        if set(now) <= set(means):
            return None
        return f"{name!r} was the name of what is {_quoted(now, 'or')} now, and its answers are kept under that name"


def _news(step: Change) -> set[str]:
    return {name for names in step.into.values() for name in names}


def undone_order(classes: Sequence[str], before: Sequence[str]) -> tuple[str, ...]:
    """Return classes in the order that they had before, if they are the same."""
    return tuple(before) if set(classes) == set(before) else tuple(classes)


def _quoted(names: Iterable[str], word: str = "and") -> str:
    """Name classes in a sentence."""
    every = [repr(name) for name in names]
    if len(every) > 6:
        return listed(every, 5)
    return f" {word} ".join([", ".join(every[:-1]), every[-1]]) if len(every) > 1 else "".join(every)
