"""Items that `activessl check --fix` has set aside: a list in the project folder, which pools respect."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from activessl.errors import ProjectError
from activessl.sealed import write_atomic

#: The file of the list, in the project folder.
NAME = "set_aside.json"


@dataclass(frozen=True, slots=True)
class Aside:
    """Why an item was set aside.

    Attributes:
        kind: The check that found it.
        sha256: The hash of its content at that time; empty for an unreadable item. An id whose content is another one
            by now is a new item: it is not set aside.
    """

    kind: str
    sha256: str


def read_aside(folder: Path) -> dict[str, Aside]:
    """Read the items that are set aside, by their ids; empty without a list.

    Raises:
        ProjectError: The list is damaged: without it, items that were set aside would be asked about.
    """
    path = folder / NAME
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))["items"]
        return {one["id"]: Aside(one["kind"], one["sha256"]) for one in listed}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ProjectError(
            f"{path} cannot be read: {error}",
            hint="restore it from a backup, or delete it to take all items into the pool again",
        ) from None


def write_aside(folder: Path, items: Mapping[str, Aside]) -> None:
    """Write the list atomically; an empty one is deleted.

    Raises:
        OSError: The folder cannot be written.
    """
    path = folder / NAME
    if not items:
        path.unlink(missing_ok=True)
        return
    listed = [{"id": item, "kind": one.kind, "sha256": one.sha256} for item, one in items.items()]
    write_atomic(path, (json.dumps({"format": 1, "items": listed}, ensure_ascii=False, indent=1) + "\n").encode())
