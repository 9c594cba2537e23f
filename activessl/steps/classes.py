"""Change the classes of a project in the middle of it: labels move along, and every change can be taken back.

Each change is one event. The answers in the ledger keep the names of their time and are read by the changes since
(``activessl.labels.changes``). ``activessl.toml`` is edited after the event: the classes are known from the event if a
process is killed between both, and the next call edits the file. Only a new class is written into the file first,
because the file is where classes come from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from activessl.errors import ConfigError, LabelError
from activessl.labels.changes import Verb, odd_name, undone_order
from activessl.ledger.history import History
from activessl.ledger.schema import Reclassed, Restored
from activessl.project.config import CONFIG_NAME
from activessl.project.config_file import read_config, with_classes
from activessl.project.folder import Project, writing
from activessl.sealed import write_atomic

#: The hint that lists what there is.
_LIST = "run `activessl classes list` to see the classes"


@dataclass(frozen=True, slots=True)
class Changed:
    """The result of a change.

    Attributes:
        classes: The classes of the project now.
        what: What was done, as a clause; empty if it had been done before.
        moved: Labels that have another class now.
        again: Items that are asked about again, because their class is open.
        accepted: Accepted predictions that no longer count.
        push: Whether Label Studio still shows the classes of before.
    """

    classes: tuple[str, ...]
    what: str = ""
    moved: int = 0
    again: int = 0
    accepted: int = 0
    push: bool = False


@dataclass(frozen=True, slots=True)
class ClassCount:
    """One class of a project.

    Attributes:
        name: Its name.
        labels: Items that have it by people's answers.
        accepted: Items that have it by an accepted prediction.
        before: Names that mean the same class or a part of it in earlier answers.
    """

    name: str
    labels: int
    accepted: int
    before: tuple[str, ...] = ()


@dataclass(frozen=True)
class Classes:
    """The classes of a project, to be changed.

    Args:
        project: The project folder.
    """

    project: Project

    def counts(self) -> tuple[ClassCount, ...]:
        """Return each class with the number of its labels, and the names that it had."""
        history = self.project.history()
        labels = Counter(name for label in history.labels.values() for name in label.classes)
        accepted = Counter(name for one in history.machine.values() for name in one.classes)
        old: dict[str, list[str]] = {}
        for name in history.naming.earlier:
            for now in history.naming.read(name).names:
                old.setdefault(now, []).append(name)
        return tuple(ClassCount(n, labels[n], accepted[n], tuple(old.get(n, ()))) for n in history.classes)

    def rename(self, old: str, new: str) -> Changed:
        """Rename a class.

        Raises:
            LabelError: There is no such class, or there is one of the new name.
        """
        return self._change("rename", {old: (new,)})

    def merge(self, names: Sequence[str], into: str) -> Changed:
        """Merge classes into one of them, or into a new one.

        Raises:
            LabelError: There is no such class, another class has the name, or fewer than two classes would be left
                where items have classes, not regions.
        """
        return self._change("merge", dict.fromkeys(names, (into,)))

    def split(self, name: str, into: Sequence[str]) -> Changed:
        """Split a class into new ones: its items are asked about again.

        Raises:
            LabelError: There is no such class, fewer than two parts, or a part has the name of a class.
        """
        if len(set(into)) < 2:
            raise LabelError(
                f"class {name!r} is to be split into {len(set(into))} class", hint="name two or more new classes"
            )
        return self._change("split", {name: tuple(dict.fromkeys(into))})

    def add(self, name: str) -> Changed:
        """Add a class.

        Raises:
            LabelError: There is such a class.
        """
        return self._change("add", {}, name)

    def undo(self) -> Changed:
        """Take the last change back that still stands: answers of before have their classes again.

        Answers that were given since keep what they say. One with a merged class is asked about again.

        Raises:
            LabelError: No change stands, or too few classes would be left: fewer than two, or one of regions.
        """
        with self.project.lock():
            history = self.project.history()
            if not history.naming.standing:
                raise LabelError("no change of the classes to take back", hint=_LIST)
            change = history.naming.standing[-1]
            back = change.taken_back()
            if change.verb == "add":
                after = tuple(name for name in history.classes if name not in change.added)
            else:
                after = undone_order(_replaced(history.classes, back.into), change.before)
            if len(after) < self._fewest:
                raise LabelError(f"{len(after)} class would be left", hint="add a class first: `activessl classes add`")
            event = Restored(of=change.number, after=after, turn=history.events)
            if change.verb == "add":
                self._edit(after, {})
                self.project.append(event)
            else:
                self.project.append(event)
                self._edit(after, back.into)
            return self._told(history, back.to_text())

    @property
    def _fewest(self) -> int:
        """A classifier needs two classes; regions need one."""
        return 2 if self.project.own.data.drawing is None else 1

    def _change(self, verb: Verb, into: Mapping[str, tuple[str, ...]], added: str = "") -> Changed:
        with self.project.lock():
            history = self.project.history()
            if self._done_before(history, verb, into, added):
                self._edit(history.classes, {})
                return Changed(history.classes, push=_behind(history))
            self._check(history, verb, into, added)
            after = _replaced(history.classes, into) if not added else tuple(dict.fromkeys((*history.classes, added)))
            before = tuple(name for name in history.classes if name != added)
            event = Reclassed(
                verb=verb, into=tuple(into.items()), before=before, after=after, turn=history.events
            )  # fmt: skip
            if added:
                self._edit(after, {})
                self.project.append(event)
            else:
                self.project.append(event)
                self._edit(after, into)
            return self._told(history, event.change.to_text())

    def _done_before(self, history: History, verb: Verb, into: Mapping[str, tuple[str, ...]], added: str) -> bool:
        """Whether exactly this is the last change that stands: a repeated call changes nothing, and ends a killed
        one."""
        if not history.naming.standing:
            return False
        last = history.naming.standing[-1]
        if added:
            return last.added == (added,)
        # after a merge into one of them, the class is still there; its name alone is the same merge
        return last.verb == verb and dict(last.into) == dict(into) and not any(
            name in history.classes for name in into if into[name] != (name,)
        )  # fmt: skip

    def _check(self, history: History, verb: Verb, into: Mapping[str, tuple[str, ...]], added: str) -> None:
        """Refuse a change that cannot be made, or that could give labels another meaning.

        Raises:
            LabelError: What is wrong, and what to do instead.
        """
        classes, news = history.classes, dict.fromkeys(name for several in into.values() for name in several)
        for name in into:
            if name not in classes:
                now = history.naming.read(name).names if history.naming.replaced(name) else ()
                today = f": it is {' or '.join(map(repr, now))} now" if now else ""
                raise LabelError(f"the project has no class {name!r}{today}", hint=_LIST)
        for name in (*news, *([added] if added else ())):
            wrong = odd_name(name)
            if wrong:
                raise LabelError(f"the class name {name!r} {wrong}", hint="choose another name")
        try:
            self.project.config.data.kind.check((*news, *([added] if added else ())))
        except ValueError as error:
            raise LabelError(str(error), hint="choose another name") from None
        if verb == "rename":
            ((old, (new,)),) = into.items()
            if old == new:
                raise LabelError(f"class {old!r} has that name already", hint="name another one")
            if new in classes:
                raise LabelError(
                    f"there is a class {new!r} already",
                    hint=f"merge both: activessl classes merge {old!r} {new!r} --into {new!r}",
                )
        if verb == "merge":
            if len(into) < 2:
                raise LabelError("one class cannot be merged", hint="name two or more classes, or use `rename`")
            (to,) = news
            if to in classes and to not in into:
                raise LabelError(f"class {to!r} exists, and is not among those to merge", hint=f"name {to!r} with them")
            if len(_replaced(classes, into)) < self._fewest:
                raise LabelError("one class would be left, a classifier needs two", hint="keep one class apart")
        if verb == "split":
            there = next((name for name in news if name in classes), None)
            if there is not None:
                # the name would mean both the whole and a part, in answers that are read later
                raise LabelError(f"there is a class {there!r} already", hint="give each part a name of its own")
        if added and added in classes and not self._in_file_only(history, added):
            raise LabelError(f"there is a class {added!r} already", hint=_LIST)
        for name in (*news, *([added] if added else ())):
            why = history.naming.taken(name, into)
            if why is not None:
                raise LabelError(why, hint="choose another name")

    def _in_file_only(self, history: History, name: str) -> bool:
        """Whether a killed `add` left a class in the file, and no event: nobody has labeled or offered it yet."""
        offered = {one for names in history.choice.last.values() for one in names}
        first = () if history.created is None else history.created.classes
        used = any(name in label.classes for label in history.labels.values())
        return name in self.project.own.data.classes and name not in first and name not in offered and not used

    def _edit(self, after: tuple[str, ...], into: Mapping[str, tuple[str, ...]]) -> None:
        """Write the classes into ``activessl.toml``, and read it again; the caller holds the lock."""
        path = self.project.folder / CONFIG_NAME
        own = read_config(path).data.classes
        if own != after:
            text = path.read_bytes().decode("utf-8-sig")  # with its ends of lines
            with writing(self.project.folder):
                write_atomic(path, with_classes(text, own, into, after).encode())
            if read_config(path).data.classes != after:
                raise ConfigError(f"{CONFIG_NAME} was not edited", hint=f"set data.classes to {', '.join(after)}")
        self.project.reread()

    def _told(self, before: History, what: str) -> Changed:
        now = self.project.history()
        was = {item: label.classes for item, label in before.labels.items()}
        return Changed(
            classes=now.classes,
            what=what,
            moved=sum(was.get(item, label.classes) != label.classes for item, label in now.labels.items()),
            again=len(now.reopened.keys() - before.reopened.keys()),
            accepted=len(before.machine.keys() - now.machine.keys()),
            push=_behind(now),
        )


def _replaced(classes: Sequence[str], into: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Put the new names into the places of the old ones."""
    return tuple(dict.fromkeys(new for name in classes for new in into.get(name, (name,))))


def _behind(history: History) -> bool:
    """Whether the open round was sent with other classes than those of now."""
    current = history.open_round
    if current is None or not current.pushed or not history.waiting(current):
        return False
    return any(set(names) != set(history.classes) for names in history.choice.last.values())
