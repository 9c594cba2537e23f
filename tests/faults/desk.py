"""A labeling desk that lives in a file: it survives the death of whoever talks to it, as a server does.

Run as a script it reads lines of [PROJECT, DESK, KILL_AT] in JSON. For each it forks a process that works on the
project until two rounds are done, or dies where it is told to, and answers [EXIT_CODE, MOMENTS]. Forking saves the
imports, which take longer than the work: what one process imported is there for all that are forked after it.

KILL_AT counts the moments at which a process can die with something half done: before and after each write to the
ledger, and in the middle of a push.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path

from activessl.annotators.base import Asked, Pushed, Suggestion
from activessl.labels.answers import Answer
from activessl.ledger.store import Ledger
from activessl.pool.pool import Pool
from activessl.session import Session

ROUNDS = 2


class Moments:
    """Counts the moments at which a process can die, and dies at one of them."""

    def __init__(self, kill_at: int | None) -> None:
        self.count = 0
        self._kill_at = kill_at

    def passes(self) -> None:
        self.count += 1
        if self.count == self._kill_at:
            os._exit(9)  # as a kill -9: no handler, no flush, no unlock


class Desk:
    """An annotator whose tasks and answers lie in a JSON file."""

    def __init__(self, path: Path, moments: Moments) -> None:
        self._path = path
        self._moments = moments

    def _load(self) -> dict[str, str]:
        tasks: dict[str, str] = json.loads(self._path.read_text()) if self._path.exists() else {}
        return tasks

    def push(self, pool: Pool, asked: Asked, suggestions: Sequence[Suggestion], *, model: str) -> Pushed:
        tasks, before = self._load(), len(self._load())
        for i, item in enumerate(asked.ids):
            tasks.setdefault(item, f"task {len(tasks)}")
            if i == len(asked) // 2:
                self._path.write_text(json.dumps(tasks))
                self._moments.passes()  # half of the tasks are there
        self._path.write_text(json.dumps(tasks))
        return Pushed(tasks, len(tasks) - before, len(suggestions), "desk://1", project="1")

    def pull(self, since: str | None = None) -> tuple[list[Answer], str]:
        start = datetime(2026, 1, 1, tzinfo=UTC)
        answers = [
            Answer(
                key=f"{task}@1",
                source=task,
                item=item,
                kind="skip" if int(item.rsplit(":", 1)[1]) % 11 == 0 else "label",
                classes=()
                if int(item.rsplit(":", 1)[1]) % 11 == 0
                else ("even", "odd")[int(item.rsplit(":", 1)[1]) % 2 :][:1],
                annotator="ann",
                seconds=4.0,
                at=start + timedelta(seconds=i),
            )
            for i, (item, task) in enumerate(self._load().items())
        ]
        return answers, str(len(answers))


def work(project: str, desk: str, kill_at: int | None) -> int:
    """Two rounds; how many moments were passed."""
    moments = Moments(kill_at)
    append = Ledger.append

    def append_or_die(self: Ledger, events: object) -> int:
        moments.passes()
        new = append(self, events)  # type: ignore[arg-type]
        moments.passes()
        return new

    Ledger.append = append_or_die  # type: ignore[method-assign, assignment]
    session, annotator = Session.open(project), Desk(Path(desk), moments)
    while sum(r.closed is not None for r in session.project.history().rounds) < ROUNDS:
        session.round(annotator, every=0.01)
    return moments.count


def main() -> None:
    for line in sys.stdin:
        project, desk, kill_at = json.loads(line)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            before = set(sys.modules)
            done = work(project, desk, kill_at), sorted(set(sys.modules) - before)
            os.close(reading)
            with os.fdopen(writing, "w") as telling:
                json.dump(done, telling)
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as said:
            moments, imported = json.loads(said.read() or "[0, []]")
        _, status = os.waitpid(child, 0)
        for name in imported:
            with suppress(ImportError):  # a name that a module made up for itself
                import_module(name)
        print(json.dumps([os.waitstatus_to_exitcode(status), moments]), flush=True)


if __name__ == "__main__":
    main()
