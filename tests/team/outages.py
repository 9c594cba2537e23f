"""A database that goes away in the middle of a round, at every message that a verb sends to it.

    python tests/team/outages.py --every 1 --out bench/outages.jsonl

Each verb of a round is run once on a whole road, and its messages to the database are counted. Then it is run again and
again from the same state, and the road is cut at each message: before it arrives, and after it was carried out, before
the answer is back. Afterwards:

* the verb has ended well, or with an error of ours, which names the database and not the password;
* the ledger is whole, and everything that was there before is there;
* the verb, run again, ends well, and rounds, labels, heads and tasks are those of a run that nothing happened to.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np

sys.path.extend(str(Path(__file__).parents[1] / folder) for folder in ("", "faults", "team"))

from clusters import PASSWORD, Cluster, cluster, drop_connections
from cutting import Road, When
from desk import Desk, Moments

from activessl.errors import ActiveSSLError
from activessl.ledger.schema import Answered
from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.session import Session

VERBS: dict[str, Callable[[Session, Desk], object]] = {
    "encode": lambda session, _: session.encode(),
    "query": lambda session, _: session.query(),
    "push": lambda session, desk: session.push(desk),
    "pull": lambda session, desk: session.pull(desk),
    "teach": lambda session, _: session.teach(),
    "query again": lambda session, _: session.query(),
    "close": lambda session, _: session.close("enough"),
}


@dataclass(frozen=True)
class Case:
    """One cut of one verb, and what was wrong afterwards."""

    verb: str
    at: int
    when: str
    told: str
    seconds: float
    problems: tuple[str, ...]


class Place:
    """A project with its ledger on the server, and copies of both."""

    def __init__(self, folder: Path, server: Cluster, road: Road) -> None:
        self.folder, self._server, self._road = folder, server, road
        self.database = 0
        folder.mkdir(parents=True)
        rng = np.random.default_rng(0)
        np.savez(folder / "pool.npz", vectors=rng.normal(size=(60, 6)).astype(np.float32))
        config = check_config(
            {
                "data": {"path": "../pool.npz", "modality": "vector", "classes": ["even", "odd"]},
                "query": {"size": 6, "strategy": "max_herding", "random_share": 0.2},
                "ledger": self._new("template1"),
            }
        )
        Project.create(folder / "project", config, version="test")
        self.there = self.address

    def _new(self, of: str) -> str:
        drop_connections()
        name = f"outage {self.database + 1}"
        made = self._server.run("createdb", *self._server.here, "-T", of, name)
        assert made.returncode == 0, made.stderr
        self.database += 1
        self.address = self._server.address(name, port=self._road.port)
        return self.address

    def keep(self) -> tuple[Path, str]:
        """Copy folder and database as they are."""
        kept = self.folder / f"kept-{self.database}"
        shutil.copytree(self.folder / "project", kept)
        return kept, f"outage {self.database}"

    def bring_back(self, kept: tuple[Path, str]) -> Session:
        """Put a copy of what was kept into the place of what is there."""
        shutil.rmtree(self.folder / "project")
        shutil.copytree(kept[0], self.folder / "project")
        config = self.folder / "project" / "activessl.toml"
        text = config.read_text()
        now = self._new(kept[1])
        old = next(line for line in text.splitlines() if line.startswith("ledger = "))
        config.write_text(text.replace(old, f'ledger = "{now}"'))
        return Session.open(self.folder / "project")


def outcome(session: Session, desk: Path) -> tuple[Any, ...]:
    history = Session.open(session.project.folder).project.history()
    with session.project.ledger() as ledger:
        keys = Counter(r.event.answer.key for r in ledger if isinstance(r.event, Answered))
    return (
        [
            (r.number, r.items, r.queried.seed, r.closed is not None, [t.digest for t in r.taught])
            for r in history.rounds
        ],
        {item: label.classes for item, label in history.labels.items()},
        history.skipped,
        max(keys.values(), default=1),
        json.loads(desk.read_text()) if desk.exists() else {},
    )


def run(folder: Path, server: Cluster, *, every: int = 1, verbs: tuple[str, ...] = tuple(VERBS)) -> Iterator[Case]:
    """Cut every so many-th message of each verb, and yield what came of each."""
    tried = 0
    with Road(server.port) as road:
        place = Place(folder / "place", server, road)
        desk, session = folder / "desk.json", Session.open(folder / "place" / "project")
        for name, verb in VERBS.items():
            kept, tasks = place.keep(), desk.read_text() if desk.exists() else None
            session = place.bring_back(kept)
            drop_connections()
            road.count()
            verb(session, Desk(desk, Moments(None)))
            messages, whole = road.messages, outcome(session, desk)
            after, tasks_after = place.keep(), desk.read_text() if desk.exists() else None
            for at in range(1, messages + 1) if name in verbs else ():
                for when in get_args(When):
                    tried += 1
                    if tried % every:
                        continue
                    session = place.bring_back(kept)
                    _write(desk, tasks)
                    case = _case(name, verb, session, desk, road, at, when, whole)
                    if case is not None:
                        yield case
            session = place.bring_back(after)
            _write(desk, tasks_after)


def _write(desk: Path, tasks: str | None) -> None:
    if tasks is None:
        desk.unlink(missing_ok=True)
    else:
        desk.write_text(tasks)


def _case(
    name: str, verb: Callable[..., object], session: Session, desk: Path, road: Road, at: int, when: When, whole: Any
) -> Case | None:
    begun, told, problems = time.monotonic(), "", []
    before = outcome(session, desk)
    drop_connections()
    road.count(at, when)
    try:
        verb(session, Desk(desk, Moments(None)))
    except ActiveSSLError as error:
        told = error.message
        if PASSWORD in str(error) or "@" in told.replace("ann:***@", ""):
            problems.append(f"shows the password, or has no name: {told}")
        if "127.0.0.1" not in told or not error.hint:
            problems.append(f"does not say what went away: {error}")
    except Exception as error:
        problems.append(f"{type(error).__name__}: {error}")
    if not road.cuts:  # as when the process ends its connections: no message of the verb
        return None
    road.count()
    try:
        now = outcome(session, desk)
        if not before[1].items() <= now[1].items() or len(now[0]) < len(before[0]):
            problems.append("something is lost at once")
        verb(Session.open(session.project.folder), Desk(desk, Moments(None)))
        now = outcome(session, desk)
        problems += [f"run again: {i} differs" for i, (a, b) in enumerate(zip(now, whole, strict=True)) if a != b]
    except Exception as error:
        problems.append(f"run again: {type(error).__name__}: {error}")
    return Case(name, at, when, told, round(time.monotonic() - begun, 3), tuple(problems))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    where, found = Path(tempfile.mkdtemp(prefix="activessl-outages-")), []
    try:
        with cluster() as server:
            assert server is not None, "PostgreSQL is not installed"
            for case in run(where / "life", server, every=args.every):
                found.append(case)
                if case.problems:
                    print(f"{case.verb}, {case.when} message {case.at}: {case.told}", *case.problems, sep="\n  ")
                if args.out is not None:
                    args.out.parent.mkdir(parents=True, exist_ok=True)
                    with args.out.open("a", encoding="utf-8") as out:
                        out.write(json.dumps(asdict(case)) + "\n")
    finally:
        shutil.rmtree(where, ignore_errors=True)
    for name in VERBS:
        mine = [case for case in found if case.verb == name]
        told, bad = sum(bool(case.told) for case in mine), sum(bool(case.problems) for case in mine)
        print(f"{name}: {len(mine)} cuts, {told} told, {len(mine) - told} not noticed, with a problem: {bad}")
    sys.exit(any(case.problems for case in found))


if __name__ == "__main__":
    main()
