"""Stored regions as they are, without reading them: what the ledger needs. Needs no numpy."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["drawn_text", "renamed"]


def drawn_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return places and classes of stored regions as one text: equal drawings have equal texts, whatever their order.

    Example:
        >>> one = {"kind": "span", "start": 3, "end": 8, "classes": ["place"]}
        >>> drawn_text([{**one, "id": "x"}]) == drawn_text([{**one, "score": 0.5}])
        True
    """
    beside = ("id", "rest", "score")
    told = [{name: value for name, value in row.items() if name not in beside} for row in rows]
    return "\n".join(sorted(json.dumps(row, sort_keys=True, default=list) for row in told))


def renamed(rows: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> tuple[dict[str, Any], ...]:
    """Return stored regions with other names of classes; two names of a region that become one are one.

    Args:
        rows: The regions.
        names: The new name of each class that has one; the others stay.

    Example:
        >>> renamed([{"kind": "span", "start": 0, "end": 2, "classes": ["a", "b"]}], {"a": "c", "b": "c"})
        ({'kind': 'span', 'start': 0, 'end': 2, 'classes': ['c']},)
    """
    return tuple(
        {**row, "classes": list(dict.fromkeys(names.get(name, name) for name in row["classes"]))} for row in rows
    )
