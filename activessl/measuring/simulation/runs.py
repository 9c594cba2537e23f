"""Run many replays in parallel; they can be resumed, and their order does not change the result."""

from __future__ import annotations

import json
import multiprocessing
import os
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from activessl.errors import MeasureError
from activessl.measuring.simulation.replay import Arena, Track, replay
from activessl.strategies.base import QueryStrategy

Task = tuple[str, QueryStrategy, int]


class Cache:
    """The finished runs of one arena, one JSON line per run.

    One process appends the lines, and an incomplete last line is dropped, so an interrupted simulation loses at most
    the run that was being written.

    Args:
        folder: Folder of the cache; created if it does not exist.
        arena: Data and settings of the runs.

    Raises:
        MeasureError: The folder cannot be used.
    """

    def __init__(self, folder: Path, arena: Arena) -> None:
        self.path = Path(folder) / f"{arena.digest[:32]}.jsonl"
        self.known: dict[str, Track] = {}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            kept = self.path.read_bytes() if self.path.exists() else b""
            whole = kept.rfind(b"\n") + 1
            if whole < len(kept):  # truncated in place: rewriting the file could lose all runs if it is interrupted
                os.truncate(self.path, whole)
        except OSError as bad:
            raise MeasureError(
                f"cannot use {folder} as a cache: {bad.strerror}", hint="name a folder that you can write to"
            ) from bad
        for line in kept[:whole].splitlines():
            try:
                entry = json.loads(line)
                track = entry["track"]
                self.known[entry["key"]] = Track(
                    accuracy=tuple(map(float, track["accuracy"])),
                    seconds=tuple(map(float, track["seconds"])),
                    human_seconds=tuple(map(float, track["human_seconds"])),
                    cold_start=str(track["cold_start"]),
                )
            except (ValueError, KeyError, TypeError):
                continue

    @staticmethod
    def key(strategy: QueryStrategy, s: int) -> str:
        """Key of a run within its arena: the strategy with its parameters, and the seed."""
        return f"{strategy!r}|{s}"

    def add(self, key: str, track: Track) -> None:
        """Append a finished run."""
        self.known[key] = track
        with self.path.open("a", encoding="utf-8") as out:
            out.write(json.dumps({"key": key, "track": asdict(track)}) + "\n")


def run_all(
    arena: Arena, tasks: Sequence[Task], *, jobs: int, cache: Cache | None, tell: Callable[[int], None]
) -> dict[tuple[str, int], Track]:
    """Replay all tasks.

    Args:
        arena: Data and settings.
        tasks: Name, strategy and seed of each.
        jobs: Number of processes; 0 for one per core. Threads do not help: the loop holds the interpreter lock for half
            of its time.
        cache: Cache of finished runs.
        tell: Called with the number of finished tasks.

    Raises:
        MeasureError: A negative number of jobs.
    """
    if jobs < 0:
        raise MeasureError(f"{jobs} jobs", hint="use 1 or more, or 0 for one per core")
    done: dict[tuple[str, int], Track] = {}
    todo: list[Task] = []
    for task in tasks:
        name, strategy, s = task
        known = cache.known.get(cache.key(strategy, s)) if cache is not None else None
        if known is not None:
            done[name, s] = known
        else:
            todo.append(task)
    tell(len(done))

    def keep(task: Task, track: Track) -> None:
        name, strategy, s = task
        done[name, s] = track
        if cache is not None:
            cache.add(cache.key(strategy, s), track)
        tell(len(done))

    workers = min(jobs or os.cpu_count() or 1, len(todo))
    if workers <= 1:
        for task in todo:
            keep(task, replay(arena, task[1], task[2]))
        return done
    _run_parallel(arena, todo, workers, keep)
    return done


def _run_parallel(arena: Arena, todo: Sequence[Task], workers: int, keep: Callable[[Task, Track], None]) -> None:
    with tempfile.TemporaryDirectory(prefix="activessl-") as folder:
        shared = Path(folder) / "vectors.npy"
        np.save(shared, arena.vectors)  # mapped into memory by all workers instead of copied to each
        light = replace(arena, vectors=np.empty((0, 0), dtype=np.float32))
        # spawned: a forked child of a process with BLAS or FAISS threads may hang
        pool = ProcessPoolExecutor(
            workers, mp_context=multiprocessing.get_context("spawn"), initializer=_open, initargs=(light, shared)
        )
        try:
            futures = {pool.submit(_work, strategy, s): (name, strategy, s) for name, strategy, s in todo}
            for future in as_completed(futures):
                keep(futures[future], future.result())
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        pool.shutdown()


_WORKER: dict[str, Any] = {}


def _open(arena: Arena, vectors: Path) -> None:
    # one thread per worker, because there is one worker per core
    _WORKER["limits"] = threadpool_limits(1)
    _WORKER["arena"] = replace(arena, vectors=np.load(vectors, mmap_mode="r"))


def _work(strategy: QueryStrategy, s: int) -> Track:
    return replay(_WORKER["arena"], strategy, s)
