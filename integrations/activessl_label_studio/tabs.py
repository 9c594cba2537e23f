"""Tabs of the Data Manager: one for each of the newest rounds, and optionally one for each annotator."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from activessl_label_studio.client import Client
from activessl_label_studio.mapping import ROUND_KEY

__all__ = ["KEPT", "Tabs", "keep_tabs"]

#: The tabs that a push makes.
Tabs = Literal["none", "round", "annotator", "both"]

#: How many rounds have a tab. Tabs of older rounds are deleted; the column with the round stays.
KEPT = 5

_OURS = re.compile(r"Round (\d+)")


def keep_tabs(client: Client, project: int, number: int, people: Mapping[int, str], tabs: Tabs) -> None:
    """Make the missing tabs of a round and of each annotator; delete the tabs of old rounds.

    Tabs that people made or renamed are not changed.

    Args:
        client: The connection.
        project: The number of the project.
        number: The number of the round, >= 1.
        people: User numbers to e-mail addresses.
        tabs: Which tabs to make.

    Raises:
        AnnotatorError: The server refuses or cannot be reached.
    """
    wanted: dict[str, dict[str, Any]] = {}
    if tabs in ("round", "both"):
        wanted[f"Round {number}"] = _filter(f"data.{ROUND_KEY}", "equal", "String", str(number))
    if tabs in ("annotator", "both"):
        wanted |= {who: _filter("annotators", "contains", "List", user) for user, who in people.items()}
    if not wanted:
        return
    there = {str(view["data"].get("title")): view for view in client.get("/api/dm/views/", project=project)}
    for title, one in wanted.items():
        if title not in there:
            data = {
                "title": title,
                "type": "list",
                "target": "tasks",
                "ordering": ["tasks:predictions_score"],
                "filters": {"conjunction": "and", "items": [one]},
            }
            client.post("/api/dm/views/", {"project": project, "data": data})
    for title, view in there.items():
        ours = _OURS.fullmatch(title)
        if ours and int(ours[1]) <= number - KEPT:
            client.delete(f"/api/dm/views/{view['id']}/")


def _filter(name: str, operator: str, kind: str, value: Any) -> dict[str, Any]:
    return {"filter": f"filter:tasks:{name}", "operator": operator, "type": kind, "value": value}
