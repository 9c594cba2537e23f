"""Tabs of the Data Manager: one for each of the newest rounds, and optionally one for each annotator.

An address without a tab opens the leftmost tab, which is the oldest one: its tasks may all be answered. So the address
that people get names a tab: that of the open round, else one that shows all tasks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from activessl_label_studio.client import Client
from activessl_label_studio.mapping import ROUND_KEY

__all__ = ["ALL_TASKS", "KEPT", "Tabs", "all_tasks", "keep_tabs", "labeling_address"]

#: The tabs that a push makes.
Tabs = Literal["none", "round", "annotator", "both"]

#: How many rounds have a tab. Tabs of older rounds are deleted; the column with the round stays.
KEPT = 5

#: The title of the tab that shows all tasks, for pushes that make no tab of the round.
ALL_TASKS = "All tasks"

_OURS = re.compile(r"Round (\d+)")


def labeling_address(url: str, project: int, tab: int | None = None) -> str:
    """Return the address at which people label the tasks of a tab; without a tab, those of the leftmost tab.

    Example:
        >>> labeling_address("http://127.0.0.1:8080", 1, 7)
        'http://127.0.0.1:8080/projects/1/data?tab=7&labeling=1'
    """
    return f"{url}/projects/{project}/data?{'' if tab is None else f'tab={tab}&'}labeling=1"


def keep_tabs(client: Client, project: int, number: int, people: Mapping[int, str], tabs: Tabs) -> int:
    """Make the missing tabs of a round and of each annotator; delete the tabs of old rounds.

    Tabs that people made or renamed are not changed.

    Args:
        client: The connection.
        project: The number of the project.
        number: The number of the round; 0 if it is not known: then no tab of a round is made.
        people: User numbers to e-mail addresses.
        tabs: Which tabs to make.

    Returns:
        The number of the tab to label in: that of the round, else the one that shows all tasks.

    Raises:
        AnnotatorError: The server refuses or cannot be reached.
    """
    there = _there(client, project)
    rounds = bool(number) and tabs in ("round", "both")
    # the first tab that is made is the leftmost one
    if rounds:
        filters = [_filter(f"data.{ROUND_KEY}", "equal", "String", str(number))]
        label_in = _make(client, project, there, f"Round {number}", filters)
    else:
        label_in = _make(client, project, there, ALL_TASKS, [])
    for user, who in people.items() if tabs in ("annotator", "both") else ():
        _make(client, project, there, who, [_filter("annotators", "contains", "List", user)])
    for title, view in there.items() if rounds else ():
        ours = _OURS.fullmatch(title)
        if ours and int(ours[1]) <= number - KEPT:
            client.delete(f"/api/dm/views/{view}/")
    return label_in


def all_tasks(client: Client, project: int) -> int:
    """Return the number of the tab with all tasks in the order in which they were made; make it if it is missing.

    Raises:
        AnnotatorError: The server refuses or cannot be reached.
    """
    return _make(client, project, _there(client, project), ALL_TASKS, [], "tasks:id")


def _there(client: Client, project: int) -> dict[str, int]:
    """Return the number of each tab by its title."""
    found: dict[str, int] = {}
    for view in client.get("/api/dm/views/", project=project):
        # of two tabs with the same title, always the same one
        found.setdefault(str((view.get("data") or {}).get("title")), int(view["id"]))
    return found


def _make(
    client: Client,
    project: int,
    there: Mapping[str, int],
    title: str,
    filters: list[dict[str, Any]],
    order: str = "tasks:predictions_score",
) -> int:
    """Return the number of a tab; make it if it is missing."""
    if title in there:
        return there[title]
    data = {
        "title": title,
        "type": "list",
        "target": "tasks",
        "ordering": [order],
        "filters": {"conjunction": "and", "items": filters},
    }
    return int(client.post("/api/dm/views/", {"project": project, "data": data})["id"])


def _filter(name: str, operator: str, kind: str, value: Any) -> dict[str, Any]:
    return {"filter": f"filter:tasks:{name}", "operator": operator, "type": kind, "value": value}
