"""A round about exactly the items that a person listed, such as those drawn around on the map of the report."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from activessl.arguments import listed
from activessl.errors import QueryError
from activessl.labels.questions import Question
from activessl.ledger.schema import Queried
from activessl.project.regions.snapshot import RegionSnapshot
from activessl.project.snapshot import Snapshot

__all__ = ["LIST", "Known", "Listed", "ids_of", "listed_round", "sort_out"]

#: What a list is compared with: a project of classes, or of regions.
Known: TypeAlias = Snapshot | RegionSnapshot

#: The name of the strategy of such a round. Its items have no propensity: a person chose them.
LIST = "list"
#: The reason of such a question.
REASON = "on the list of items"


@dataclass(frozen=True)
class Listed:
    """What a list holds.

    Attributes:
        asked: Items that can be asked about, in the order of the list, each once.
        aside: For each reason why the other items are not asked about, their number.
    """

    asked: tuple[str, ...]
    aside: dict[str, int]

    def to_text(self) -> str:
        """Word the items that are not asked about; empty if all are.

        Example:
            >>> Listed(("a",), {"have a label": 2}).to_text()
            'not asked about: 2 have a label'
        """
        return f"not asked about: {', '.join(f'{n:,} {why}' for why, n in self.aside.items())}" if self.aside else ""


def ids_of(text: str, known: frozenset[str]) -> list[str]:
    """Read the ids of a list: one on each line, empty lines left out.

    A line that is no known id may be a JSON string: the report writes ids with line breaks or quotes so.

    Example:
        >>> ids_of('a.png\\n\\n"b\\\\nc"\\n"d"\\nunknown\\n', frozenset({"a.png", "b\\nc", '"d"'}))
        ['a.png', 'b\\nc', '"d"', 'unknown']
    """
    found = []
    for line in text.replace("\r\n", "\n").split("\n"):
        if line.strip() and (line in known or not line.startswith('"')):
            found.append(line if line in known else line.strip())
        elif line.strip():
            try:
                said = json.loads(line)
            except (ValueError, RecursionError):
                said = line
            found.append(said if isinstance(said, str) else line)
    return found


def sort_out(snapshot: Known, items: Sequence[str]) -> Listed:
    """Sort a list into items that can be asked about and others.

    Raises:
        QueryError: The list is empty, an item is not in the pool, or none can be asked about.
    """
    if not items:
        raise QueryError("the list has no items", hint="write the id of an item on each line")
    history, row = snapshot.history, snapshot.row
    strange = [item for item in dict.fromkeys(items) if item not in row]
    if strange:
        shown = listed([item if len(item) <= 80 else f"{item[:79]}…" for item in strange], 3)
        many = "item is" if len(strange) == 1 else "items are"
        raise QueryError(
            f"{len(strange):,} listed {many} not in the pool: {shown}",
            hint="remove them from the list, or run `activessl encode` if they are new",
        )
    aside: Counter[str] = Counter()
    asked: dict[str, None] = {}
    for item in items:
        if item in asked:
            aside["are listed twice"] += 1
        elif item in history.missing:
            aside["are missing from the data"] += 1
        elif item in history.labels:
            aside["have a label"] += 1
        elif item in history.set_aside:
            aside["were skipped"] += 1
        elif item in history.machine:
            aside["have an accepted prediction"] += 1
        else:
            asked[item] = None
    found = Listed(tuple(asked), dict(aside))
    if not asked:
        raise QueryError(
            f"no item of the list can be asked about: {found.to_text().partition(': ')[2]}",
            hint="list items without a label",
        )
    return found


def listed_round(snapshot: Known, items: Sequence[str]) -> Queried:
    """Return a round about the listed items that can be asked about; errors as of :func:`sort_out`."""
    start, number = time.monotonic(), snapshot.history.next_round
    blind = snapshot.blind_rows(number)
    return Queried(
        round=number,
        strategy=LIST,
        seed=(snapshot.project.config.seed, number),
        fingerprint=snapshot.fingerprint,
        questions=tuple(
            Question(kind="new", items=(item,), reason=REASON, blind=bool(blind[snapshot.row[item]]))
            for item in sort_out(snapshot, items).asked
        ),
        seconds=time.monotonic() - start,
    )
