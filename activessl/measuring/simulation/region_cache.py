"""Finished runs of a simulation with regions, so that it can be interrupted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from activessl.errors import MeasureError
from activessl.heads.dense.training import Recipe
from activessl.measuring.simulation.region_task import RegionTask
from activessl.measuring.simulation.region_track import RegionTrack


class RegionCache:
    """Finished runs, one JSON line each, so that an interrupted simulation continues."""

    def __init__(
        self,
        folder: Path | None,
        task: RegionTask,
        budgets: Sequence[int],
        seed: int,
        share: float,
        recipe: Recipe | None,
    ) -> None:
        self._known: dict[str, RegionTrack] = {}
        self._path: Path | None = None
        if folder is None:
            return
        digest = hashlib.sha256(
            repr([task.parts.fingerprint, task.parts.ids, task.classes, task.kind, list(budgets), seed, share, recipe,
                  task.most_test, None if task.split is None else np.asarray(task.split).tolist()]).encode()
        )  # fmt: skip
        for one in task.regions:
            digest.update(repr(one).encode())
        self._path = folder / f"regions-{digest.hexdigest()[:24]}.jsonl"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lines = self._path.read_text(encoding="utf-8").splitlines() if self._path.exists() else []
        except (OSError, UnicodeDecodeError) as bad:
            raise MeasureError(
                f"cannot use {folder} as a cache: {bad}", hint="name a folder that you can write to"
            ) from bad
        for line in lines:
            try:  # the last line of a killed run may be cut
                entry: Mapping[str, Any] = json.loads(line)
                self._known[entry["key"]] = RegionTrack.of_json(entry["track"])
            except (ValueError, KeyError, TypeError):
                continue

    def get(self, name: str, s: int) -> RegionTrack | None:
        """The run of a strategy and a seed, if it is finished."""
        return self._known.get(f"{name}|{s}")

    def add(self, name: str, s: int, track: RegionTrack) -> None:
        """Keep a finished run."""
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(
                    "\n" * (not self._whole()) + json.dumps({"key": f"{name}|{s}", "track": asdict(track)}) + "\n"
                )

    def _whole(self) -> bool:
        if self._path is None or not self._path.exists():
            return True
        content = self._path.read_bytes()
        return not content or content.endswith(b"\n")
