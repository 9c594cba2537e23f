"""The shape of a server's answers: whatever answers at an address, what follows reads rows with numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from activessl.errors import AnnotatorError

__all__ = ["count_in", "list_in", "row", "rows", "task_row"]


def row(found: Any, what: str) -> dict[str, Any]:
    """Return an object with a number.

    Args:
        found: The answer.
        what: What was asked for, such as "a project".

    Raises:
        AnnotatorError: It is something else.

    Example:
        >>> row({"id": 7}, "a project")
        {'id': 7}
    """
    if not isinstance(found, dict) or not isinstance(found.get("id"), int) or isinstance(found["id"], bool):
        raise _other(what, "an object with a number")
    return found


def rows(found: Any, what: str) -> list[dict[str, Any]]:
    """Return a list of objects with numbers.

    Raises:
        AnnotatorError: It is something else.
    """
    if not isinstance(found, list):
        raise _other(what, "a list")
    return [row(one, what) for one in found]


def list_in(found: Any, key: str, what: str) -> list[dict[str, Any]]:
    """Return the rows of one page.

    Raises:
        AnnotatorError: It is something else.
    """
    if not isinstance(found, dict):
        raise _other(what, "an object")
    return rows(found.get(key), what)


def count_in(found: Any, key: str, what: str) -> int:
    """Return a number of an object, 0 where there is none.

    Raises:
        AnnotatorError: It is no object, or the number is none.
    """
    if not isinstance(found, dict):
        raise _other(what, "an object")
    said = found.get(key) or 0
    if not isinstance(said, int) or not 0 <= said < 2**53:
        raise _other(what, f"a count as {key!r}")
    return int(said)


def task_row(found: dict[str, Any], *, everything: bool) -> dict[str, Any]:
    """Return a task whose parts have the shape that they have in Label Studio.

    Args:
        found: A row.
        everything: Whether it was asked for with its annotations and predictions.

    Raises:
        AnnotatorError: A part has another shape.
    """
    parts: Sequence[str] = ("annotations", "predictions") if everything else ()
    if not isinstance(found.get("data"), dict):
        raise _other("tasks", f"an object as the data of task {found['id']}")
    for part in parts:
        said = found.get(part)
        if not isinstance(said, list) or not all(isinstance(one, dict) for one in said):
            raise _other("tasks", f"a list of objects as the {part} of task {found['id']}")
    return found


def _other(what: str, wanted: str) -> AnnotatorError:
    return AnnotatorError(
        f"the server was asked for {what} and did not answer with {wanted}",
        hint="check that the address is Label Studio's own, and try again",
    )
