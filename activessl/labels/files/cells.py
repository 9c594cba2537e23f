"""Read the classes from one cell of a table, or one value of an export."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

from activessl.arguments import listed
from activessl.labels.answers import NONE, PATH
from activessl.labels.kinds import LabelKind

#: The types of results of Label Studio that classify: their value is a list of classes, or of paths.
CLASSIFYING = ("choices", "taxonomy")


def is_empty(value: Any) -> bool:
    """Whether a cell has no value: nothing, only spaces, no elements, or not a number.

    Example:
        >>> [is_empty(value) for value in (None, " ", [], float("nan"), 0, "0")]
        [True, True, True, True, False, False]
    """
    if isinstance(value, str):
        return not value.strip()
    if isinstance(value, float):
        return math.isnan(value)
    return value is None or (isinstance(value, (list, tuple, dict)) and not value)


def text_of(value: Any) -> str:
    """A value as text; a whole number without a fraction, as programs store numbers beside missing values.

    Example:
        >>> text_of(2.0), text_of(" a "), text_of(None)
        ('2', 'a', '')
    """
    if is_empty(value):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def classes_in(value: Any, kind: LabelKind, known: Collection[str] = ()) -> tuple[str, ...] | None:
    """Read the classes of a cell; None if the cell is empty, so that nobody labeled the item.

    Args:
        value: A text, a number, a list, a choice or taxonomy of Label Studio, or one of these as JSON.
        kind: How several classes are written in one text.
        known: The classes of the project: a text that is one of them is not taken apart.

    Raises:
        TypeError: The value is of another type.

    Example:
        >>> from activessl.labels.one_class import ONE
        >>> from activessl.labels.several_classes import SEVERAL
        >>> classes_in('{"choices":["a","b"]}', ONE), classes_in("a|b", ONE), classes_in("a|b", SEVERAL)
        (('a', 'b'), ('a|b',), ('a', 'b'))
        >>> classes_in([{"taxonomy": [["a", "b"]]}], ONE), classes_in([], SEVERAL), classes_in("(none)", SEVERAL)
        (('a / b',), None, ())
    """
    if is_empty(value):
        return None
    if isinstance(value, (list, tuple)):
        found: list[str] = []
        for one in value:
            if isinstance(one, (list, tuple)) and all(isinstance(part, str) for part in one):
                found.append(PATH.join(one))
            elif isinstance(one, dict):
                found += _named(one, kind, known)
            elif not is_empty(one):
                found.append(text_of(one))
        return tuple(dict.fromkeys(found)) or None
    if isinstance(value, dict):
        return _named(value, kind, known) or None
    text = text_of(value)
    if text not in known and text[:1] in ("{", "["):
        try:
            return classes_in(json.loads(text), kind, known)
        except ValueError:
            pass  # a text with a bracket
    return kind.parse(text)


def classes_of(rows: Sequence[Mapping[str, Any]], name: str, kind: LabelKind, known: Collection[str]) -> set[str]:
    """All classes in a column; none if one of its cells has no class that can be read."""
    found: set[str] = set()
    for row in rows:
        try:
            found |= set(classes_in(row.get(name), kind, known) or ())
        except TypeError:
            return set()
    return found


def _named(value: dict[str, Any], kind: LabelKind, known: Collection[str]) -> tuple[str, ...]:
    inside = [name for name in CLASSIFYING if name in value]
    if len(inside) != 1:
        raise TypeError(f"does not show its class: it has the fields {listed(value)}")
    # the server also takes one choice that is not in a list
    return classes_in([value[inside[0]]] if isinstance(value[inside[0]], str) else value[inside[0]], kind, known) or ()


def judged(classes: tuple[str, ...], kind: LabelKind) -> tuple[Literal["label", "skip", "unread"], str]:
    """Whether an item may have these classes: the kind of the answer and, if it cannot be read, why.

    Example:
        >>> from activessl.labels.one_class import ONE
        >>> judged(("a", "b"), ONE), judged((), ONE)
        (('unread', 'has 2 classes (a, b), one is allowed'), ('skip', ''))
    """
    if classes == (NONE,):
        return "unread", f"says {NONE}, but each item of the project has one class"
    reads = kind.reads(classes)
    if reads == "too many":
        return "unread", f"has {len(classes)} classes ({', '.join(classes)}), one is allowed"
    return ("skip", "") if reads == "nothing" else ("label", "")
