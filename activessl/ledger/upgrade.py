"""Convert events of earlier formats to the current one: pure, one step per format, at each reading.

The rows of the ledger are never rewritten. Each function takes the body of an event in one format and returns it in the
next; a later format adds a step and changes none of the earlier ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from activessl.errors import LedgerError

Body = dict[str, Any]

#: Format 1 told only by the reason that an item had been sent back by its cluster.
_SENT_BACK = "did not belong to the group that it was shown with"


def format_of(body: Body) -> int:
    """The format of an event; format 1 did not store a number.

    Example:
        >>> format_of({"kind": "pulled"}), format_of({"kind": "pulled", "format": 2})
        (1, 2)
    """
    return int(body.get("format", 1))


def upgrade(body: Body, to: int) -> Body:
    """Convert an event to a later format.

    Args:
        body: The event as stored.
        to: The target format.

    Raises:
        LedgerError: The event has a newer format.
    """
    version = format_of(body)
    if version > to:
        raise LedgerError(
            f"the ledger has format {version}, written by a newer activessl; this version reads formats up to {to}",
            hint="update activessl: pip install --upgrade activessl",
        )
    for step in range(version, to):
        body = {**_STEPS[step](body), "format": step + 1}
    return body


def _from_1(body: Body) -> Body:
    """Format 1 had no questions: the id of an item told whether it was asked again or in a cluster."""
    if body["kind"] == "queried":
        groups, items = body.get("groups", ()), body["items"]
        scores = {one["id"]: one["score"] for one in items}
        if groups:
            questions = [_cluster(group, scores) for group in groups]
        else:
            questions = [_question(one, body["strategy"]) for one in items]
        return {**{key: value for key, value in body.items() if key not in ("items", "groups")}, "questions": questions}
    if body["kind"] == "answered":
        answer = dict(body["answer"])
        asked, group = answer.pop("item_id"), answer.pop("group", "")
        item, asking = _split(asked)
        question = {"question": group or asked, "cluster": bool(group), "asking": asking}
        return {**body, "answer": {**answer, "item": item, **question}}
    if body["kind"] == "accepted":
        # format 1 stored one class as a name, several as a list
        items = [
            {
                "id": one["id"],
                "classes": one.get("classes") or ([one["label"]] if one.get("label") else []),
                "probability": one["probability"],
            }
            for one in body["items"]
        ]
        return {**body, "items": items}
    if body["kind"] == "decided":
        names = {"found of each class": "recall of each class"}
        checks = [{**check, "name": names.get(check["name"], check["name"])} for check in body["checks"]]
        return {**body, "checks": checks}
    return body


def _question(one: Body, strategy: str) -> Body:
    item, asking = _split(one["id"])
    confirmed, drawn = one.get("glanced", False), one.get("propensity") is not None
    kind = "random" if drawn else "audit" if confirmed or strategy == "audit of accepted items" else "new"
    if kind == "new" and asking > 1:
        kind = "again"
    return {
        "id": one["id"],
        "kind": kind,
        "items": [item],
        "asking": asking,
        "score": one["score"],
        "reason": one["reason"],
        "propensity": one.get("propensity"),
        "uniform": one.get("alike", False),
        "blind": asking > 1 or kind == "audit",
        "confirmed": confirmed,
        "sent_back": one["reason"] == _SENT_BACK,
        "parts": one.get("parts", {}),
        "near": one.get("near", ()),
    }


def _cluster(group: Body, scores: dict[str, float]) -> Body:
    least = min(scores[item] for item in group["items"])
    return {
        "id": group["id"],
        "kind": "confirm",
        "items": group["items"],
        "score": least,
        "reason": f"the model is sure that all of these are {group['label']}",
        "proposed": group["label"],
    }


def _split(asked: str) -> tuple[str, int]:
    """The item and the number of the question from an id of format 1.

    For an imported label, format 1 counted the second question as the first one.

    Example:
        >>> _split("a.png"), _split("a.png#again-3"), _split("a.png#again-1")
        (('a.png', 1), ('a.png', 3), ('a.png', 2))
    """
    item, mark, asking = asked.rpartition("#again-")
    return (item, max(2, int(asking))) if mark and asking.isdecimal() else (asked, 1)


#: Format of an event to the step that converts it to the next format.
_STEPS: dict[int, Callable[[Body], Body]] = {1: _from_1}
