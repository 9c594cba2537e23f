"""What the contract suites share: a pool of short texts, queries about it, and answers as Label Studio takes them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from activessl.annotators.base import Asked, Suggestion
from activessl.labels.questions import Question
from activessl.pool.pool import Item, Modality, Pool
from activessl_label_studio.client import Client
from activessl_label_studio.scripted import Habits

CLASSES = ("coat", "dress", "bag")
PERFECT = Habits(mistakes=0.0, anchoring=0.0, skips=0.0)


class Sentences:
    """A source of short texts: the cheapest thing to show."""

    modality: Modality = "text"
    location = Path("sentences")

    def __init__(self, n: int) -> None:
        # ids with all that breaks an address, a query or a quotation
        self.texts = {f"dir/{i} ä'\"&%.txt": f"sentence <{i}> & more" for i in range(n)}

    def scan(self) -> Iterator[Item]:
        for name, text in self.texts.items():
            yield Item(name, hashlib.sha256(text.encode()).hexdigest(), (len(text),))

    def read(self, item_id: str) -> str:
        return self.texts[item_id]

    def path(self, item_id: str) -> None:
        return None

    def content(self, item_id: str) -> bytes:
        return self.texts[item_id].encode()


def ask(pool: Pool, rows: Sequence[int]) -> Asked:
    ids = [pool.ids[row] for row in rows]
    return Asked(tuple(Question(kind="new", items=(item,), reason=f"because of {item}") for item in ids), "random")


def suggest(query: Asked, name: str, *, blind: Sequence[str] = ()) -> list[Suggestion]:
    others = [other for other in CLASSES if other != name]
    return [Suggestion(i, (name, *others), (0.6, 0.3, 0.1), blind=i in blind) for i in query.ids]


def number_of(where: str) -> int:
    return int(where.split("/projects/")[1].split("/")[0])


def submit(client: Client, task: str, classes: Sequence[str], **more: Any) -> dict[str, Any]:
    body = {"result": result(classes), "lead_time": 3.5, **more}
    made: dict[str, Any] = client.post(f"/api/tasks/{task}/annotations/", body)
    return made


def result(classes: Sequence[str]) -> list[dict[str, Any]]:
    if not classes:
        return []
    return [{"from_name": "label", "to_name": "item", "type": "choices", "value": {"choices": list(classes)}}]


def pool_of(n: int) -> Pool:
    source = Sentences(n)
    return Pool(tuple(source.scan()), source)
