"""Rewrite events so that an item or an annotator cannot be found in them: the one exception to an append-only ledger.

Totals stay true: a question, an answer and its seconds stay, under a name that stands for the item or the person. Each
field of each event says what it holds (``PLACES``), because a class may have the same name as an item.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from activessl.labels.answers import Answer
from activessl.ledger.schema import EVENT, Answered, Event, Forgotten

__all__ = [
    "PLACES",
    "Names",
    "Role",
    "content_marks",
    "known_as",
    "mark_of",
    "mentions",
    "names_in",
    "renamed_answer",
    "rewritten",
]

#: What a field holds: the id of an item, that of a question (made from an item's), an item with the hash of its
#: content, an annotator, a name that was made from both, or a sentence that may name either.
Role = Literal["item", "question", "gone", "annotator", "source", "text"]

#: The fields that hold names, by their path: "[]" is an element of a list, "{}" a key of a mapping.
PLACES: dict[str, Role] = {
    "encoded.added[]": "item",
    "encoded.gone[]": "gone",
    "compared.added[]": "item",
    "compared.regions[][]": "item",
    "promoted.why": "text",
    "tuned.taught[]": "item",
    "tuned.why": "text",
    "untuned.why": "text",
    "missing.items[]": "item",
    "moved.items[][]": "item",
    "queried.questions[].id": "question",
    "queried.questions[].items[]": "item",
    "queried.questions[].near[]": "item",
    "queried.questions[].reason": "text",
    "pushed.unseen{}": "question",
    "answered.answer.key": "source",
    "answered.answer.source": "source",
    "answered.answer.item": "item",
    "answered.answer.question": "question",
    "answered.answer.annotator": "annotator",
    "answered.answer.why": "text",
    "closed.why": "text",
    "accepted.items[].id": "item",
    "accepted.audit[]": "item",
    "withdrawn.why": "text",
    "machine_asked.answers[].item": "item",
    "machine_asked.answers[].why": "text",
    "machine_withdrawn.why": "text",
    "decided.annotators{}": "annotator",
    "decided.note": "text",
    "training_opened.before[].item": "item",
    "training_opened.after[].item": "item",
    "trained.annotator": "annotator",
    "trained.answers[].item": "item",
}

#: A name that is found by itself in a sentence: longer than a number or a short word of the language.
_TELLING = re.compile(r"(?=.*\D).{5,}", re.DOTALL)


@dataclass(frozen=True)
class Names:
    """What is forgotten, and the names that stand for it.

    Attributes:
        items: The id of an item, and the name for it.
        people: The name of an annotator, and the name for that person.
    """

    items: Mapping[str, str] = field(default_factory=dict)
    people: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.items or self.people)


def mark_of(what: str, salt: str) -> str:
    """A mark by which a name, or a content, is known again without being kept.

    A name that can be guessed can be checked against its mark: this hides it from readers of the ledger, not from
    somebody who has the ledger and a list of all candidates.

    Example:
        >>> mark_of("a.png", "00") == mark_of("a.png", "00") != mark_of("a.png", "01")
        True
    """
    return hmac.new(bytes.fromhex(salt), what.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:32]


def rewritten(event: Event, names: Names) -> Event:
    """Return an event with other names for what is forgotten; the same event if it names nothing of it.

    Example:
        >>> from activessl.ledger.schema import Missing
        >>> rewritten(Missing(items=("a.png", "b.png"), turn=3), Names(items={"a.png": "forgotten-1"})).items
        ('forgotten-1', 'b.png')
    """
    told = event.model_dump(mode="json")
    changed = _walk(told, event.kind, lambda value, role: _replaced(value, role, names))
    if event.kind == "queried":
        for question in changed["questions"]:
            _without_figures(question, names)
    if event.kind == "answered" and event.answer.regions and event.answer.item in names.items:
        changed["answer"]["regions"] = []  # what was drawn, and what was written beside it, shows the item
    return event if changed == told else EVENT.validate_python(changed)


def renamed_answer(answer: Answer, names: Names) -> Answer:
    """Return an answer with other names for what is forgotten."""
    changed = rewritten(Answered(answer=answer), names)
    return changed.answer if isinstance(changed, Answered) else answer


def mentions(body: str, names: Names) -> bool:
    """Whether a stored event may name something of it: a quick test before it is parsed."""
    return any(json.dumps(name, ensure_ascii=False)[1:-1] in body for name in (*names.items, *names.people))


def names_in(event: Event) -> tuple[set[str], set[str]]:
    """The ids of all items, and the names of all annotators, in an event.

    Example:
        >>> from activessl.ledger.schema import Missing
        >>> names_in(Missing(items=("a.png",), turn=3))
        ({'a.png'}, set())
    """
    items: set[str] = set()
    people: set[str] = set()

    def note(value: Any, role: Role) -> Any:
        if role in ("item", "gone"):
            items.add(value if role == "item" else value[0])
        elif role == "annotator":
            people.add(value)
        return value

    _walk(event.model_dump(mode="json"), event.kind, note)
    return items, people


def known_as(name: str, forgotten: Iterable[Forgotten], what: Literal["item", "annotator"] = "annotator") -> str:
    """The name that stands for a forgotten annotator or item; the given name if it is not forgotten."""
    for one in forgotten:
        if one.what == what and hmac.compare_digest(mark_of(name, one.salt), one.mark):
            return one.name
    return name


def content_marks(forgotten: Iterable[Forgotten]) -> dict[str, frozenset[str]]:
    """The marks of the contents of all forgotten items, by their salt."""
    found: dict[str, set[str]] = {}
    for one in forgotten:
        if one.content:
            found.setdefault(one.salt, set()).add(one.content)
    return {salt: frozenset(marks) for salt, marks in found.items()}


def _walk(value: Any, path: str, change: Callable[[Any, Role], Any]) -> Any:
    """Return a value in which ``change`` has replaced each field of ``PLACES``."""
    role = PLACES.get(path)
    if role is not None:
        return change(value, role)
    if isinstance(value, list):
        return [_walk(one, f"{path}[]", change) for one in value]
    if isinstance(value, dict):
        keys = PLACES.get(f"{path}{{}}")
        if keys is not None:
            return {change(name, keys): one for name, one in value.items()}
        return {name: _walk(one, f"{path}.{name}", change) for name, one in value.items()}
    return value


def _replaced(value: Any, role: Role, names: Names) -> Any:
    if role == "gone":  # an item, and the hash of its content
        return [names.items[value[0]], ""] if value[0] in names.items else value
    if role == "item":
        return names.items.get(value, value)
    if role == "annotator":
        return names.people.get(value, value)
    if role == "question":
        item, again, number = value.rpartition("#again-")
        known = names.items.get(value)
        return known or (f"{names.items[item]}{again}{number}" if item in names.items else value)
    return _in_source(value, names) if role == "source" else _in_sentence(value, names)


def _in_source(text: str, names: Names) -> str:
    """The name of an answer: ``import by PERSON of ITEM``, ``annotation 7 of ITEM @ TIME``."""
    for name, new in names.people.items():
        start = f"import by {name} of "
        text = f"import by {new} of {text.removeprefix(start)}" if text.startswith(start) else text
    for name, new in names.items.items():
        text = _put(rf"(?<= of ){re.escape(name)}(?= @ |: | \(anew\)|$)", new, text)
    return _in_sentence(text, names)  # annotators of other packages name their answers as they like


def _put(pattern: str, new: str, text: str) -> str:
    return re.sub(pattern, lambda _: new, text)  # a backslash in a name is no order to `re`


def _in_sentence(text: str, names: Names) -> str:
    for name, new in names.items.items():
        text = _put(rf"(?<=nearest labeled item: ){re.escape(name)}(?= \()", new, text)
    for name, new in (*names.items.items(), *names.people.items()):
        if _TELLING.fullmatch(name):
            text = _put(rf"(?<![\w/.-]){re.escape(name)}(?![\w/-])", new, text)
    return text


def _without_figures(question: dict[str, Any], names: Names) -> None:
    """Remove what was computed from a forgotten item: why it was asked about, and what is near it."""
    if set(question["items"]) <= set(names.items.values()):
        question |= {"reason": "", "score": 0.0, "parts": {}, "near": []}
