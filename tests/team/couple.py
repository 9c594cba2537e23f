"""Two people on one project, who open, push, pull and teach at once, while others label; and what must hold afterwards.

    python tests/team/couple.py sqlite postgres --interleavings 200 --out bench/team.jsonl

Label Studio is the fake server of the contract tests, which passes the same suite as the real one. On SQLite, two
processes of one machine share a project folder; on PostgreSQL, two machines have a folder each.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.extend(str(Path(__file__).parents[1] / folder) for folder in ("", "contracts", "team"))

from clusters import Cluster, cluster, drop_connections
from fake_label_studio import FakeLabelStudio
from made_up import submit
from stepping import Turns, at_random

from activessl.errors import ActiveSSLError, AnnotatorError, LabelError, ProjectLocked, QueryError
from activessl.ledger.schema import Answered, Queried
from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.session import Session
from activessl.steps.verify import verify
from activessl_label_studio import connect
from activessl_label_studio.mapping import item_of, question_of
from activessl_label_studio.project import list_tasks
from activessl_label_studio.server import LabelStudio

ITEMS, SIZE, VERBS = 30, 4, 14
CLASSES = ("dark", "light")
PEOPLE = ("ann", "ben")

#: What a person is told who comes too early or too late; the next verb is another one.
TOLD = (ProjectLocked, QueryError, LabelError, AnnotatorError)


@dataclass(frozen=True)
class Outcome:
    """What came of one interleaving.

    Attributes:
        database: "sqlite" or "postgres".
        seed: Of the verbs and of the order.
        borders: Times that a thread could be replaced by the other one.
        switches: Times that it was.
        verbs: Verbs that were carried out, and those that were told to come again.
        rounds: Rounds that were opened.
        labels: Labels that were given.
        seconds: Wall time.
        problems: What must not be.
    """

    database: str
    seed: int
    borders: int
    switches: int
    verbs: dict[str, int]
    rounds: int
    labels: int
    seconds: float
    problems: tuple[str, ...]


class Rooms:
    """Makes project folders for two people: one that they share, or one for each with a ledger that they share."""

    made = 0

    def __init__(self, folder: Path, server: Cluster | None) -> None:
        self.folder, self.server, self.database = folder, server, ""
        rng = np.random.default_rng(0)
        (folder / "pictures").mkdir(parents=True)
        for i in range(ITEMS):
            pixels = np.clip(rng.normal((40, 200)[i % 2], 25, (8, 8)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / "pictures" / f"{i:02}.png")
        self._whole = Session(self._project(folder / "made", "ledger.db"))
        self._whole.encode()

    def _project(self, folder: Path, ledger: str) -> Project:
        config = check_config(
            {
                "data": {"path": "../pictures", "modality": "image", "classes": list(CLASSES)},
                "encoder": {"name": "pixels"},
                "query": {"size": SIZE, "random_share": 0.2, "strategy": "max_herding"},
                "ledger": ledger,
            }
        )
        return Project.create(folder, config, version="test")

    def sqlite(self, name: str) -> tuple[Path, Path]:
        there = self.folder / f"sqlite-{name}"
        shutil.copytree(self._whole.project.folder, there)
        return there, there

    def postgres(self, name: str) -> tuple[Path, Path]:
        assert self.server is not None
        self.made += 1
        self.database = f"couple {self.made}"
        url = self.server.create(self.database)
        folders = []
        for who in PEOPLE:
            there = self.folder / f"{who}-{name}"
            self._project(there, url)
            for cache in ("embeddings", "encoders", "pool.parquet"):
                made = self._whole.project.folder / cache
                (shutil.copytree if made.is_dir() else shutil.copy)(made, there / cache)
            Session.open(there).encode()
            folders.append(there)
        return folders[0], folders[1]

    def remove(self, name: str) -> None:
        for there in self.folder.glob(f"*-{name}"):
            shutil.rmtree(there)


class Labelers:
    """Others, who label what is open in the fake Label Studio, each task once."""

    def __init__(self, studio: FakeLabelStudio) -> None:
        self._studio = studio
        self.people = LabelStudio(studio.url, studio.token)
        self.given: dict[str, str] = {}
        self.twice: list[str] = []

    def label(self, most: int) -> None:
        with self._studio._guard:
            for number in list(self._studio.tasks):
                task = self._studio.counted(self._studio.tasks[number], everything=False)
                if most and not task["is_labeled"]:
                    most -= 1
                    self._submit(number, self.noted(str(item_of(task))))

    def noted(self, item: str) -> str:
        name = CLASSES[int(item[:2]) % 2]
        if item in self.given:
            self.twice.append(item)
        self.given[item] = name
        return name

    def questions(self) -> list[str]:
        """The questions of all tasks."""
        return [str(question_of(task)) for task in self._studio.tasks.values()]

    def projects(self) -> int:
        return len(self._studio.projects)

    def _submit(self, task: int, name: str) -> None:
        number, now = self._studio.number("annotation"), self._studio.now()
        value = {"from_name": "label", "to_name": "item", "type": "choices", "value": {"choices": [name]}}
        self._studio.annotations[number] = {
            "id": number, "task": task, "completed_by": 1, "result": [value], "was_cancelled": False,
            "ground_truth": False, "lead_time": 2.0, "parent_prediction": None, "created_at": now, "updated_at": now,
        }  # fmt: skip
        self._studio.tasks[task]["updated_at"] = self._studio.now()


class RealLabelers(Labelers):
    """The same in a real Label Studio, in the project of one title."""

    def __init__(self, url: str, token: str, title: str) -> None:
        self.people = LabelStudio(url, token)
        self._client, self._title = connect(url, token), title
        self.given, self.twice = {}, []

    def _numbers(self) -> list[int]:
        found = self._client.get("/api/projects/", title=self._title)["results"]
        return [int(one["id"]) for one in found if one["title"] == self._title]

    def label(self, most: int) -> None:
        # in a thread that takes no turns: who labels has a task alone, as Label Studio gives it out
        with ThreadPoolExecutor(1) as alone:
            alone.submit(self._label, most).result()

    def _label(self, most: int) -> None:
        for number in self._numbers() if most else ():
            for task in list(list_tasks(self._client, number, everything=True)):
                if most and not task["total_annotations"]:
                    most -= 1
                    submit(self._client, str(task["id"]), [self.noted(str(item_of(task)))])

    def questions(self) -> list[str]:
        return [
            str(question_of(task))
            for number in self._numbers()
            for task in list_tasks(self._client, number, everything=True)
        ]

    def projects(self) -> int:
        return len(self._numbers())


class Person:
    """Does one verb after the other, as a seed says, and comes again where that is told."""

    def __init__(self, folder: Path, labelers: Labelers, seed: Sequence[int]) -> None:
        self.session = Session.open(folder)
        self._people, self._labelers = labelers.people, labelers
        self._rng = np.random.default_rng(seed)
        self.done: Counter[str] = Counter()

    def work(self) -> None:
        verbs: dict[str, Callable[[], object]] = {
            "open": self.session.query,
            "push": lambda: self.session.push(self._people),
            "pull": lambda: self.session.pull(self._people),
            "teach": self.session.teach,
        }
        chances = [0.3, 0.3, 0.25, 0.15]
        for _ in range(VERBS):
            name = str(self._rng.choice(list(verbs), p=chances))
            try:
                verbs[name]()
                self.done[name] += 1
            except TOLD as error:
                self.done[f"{name}: {type(error).__name__}"] += 1
            self._labelers.label(int(self._rng.integers(4)))


def interleave(
    rooms: Rooms,
    database: str,
    seed: int,
    choose: Callable[[list[str], str], str] | None = None,
    real: tuple[str, str] | None = None,
) -> Outcome:
    """Let two people work at once, then look at what is there.

    Args:
        rooms: Where they work.
        database: "sqlite" or "postgres".
        seed: Of the verbs and of the order.
        choose: Who goes on; by default as the seed says.
        real: Address and token of a real Label Studio; None for the fake one.
    """
    begun, name = time.monotonic(), f"{database}-{seed}"
    folders = rooms.postgres(name) if database == "postgres" else rooms.sqlite(name)
    with contextlib.ExitStack() as stack:
        if real is None:
            labelers = Labelers(stack.enter_context(FakeLabelStudio()))
        else:
            labelers = RealLabelers(*real, f"couple {name} {uuid.uuid4().hex[:8]}")
            for folder in set(folders):
                config = folder / "activessl.toml"
                lines = [
                    f'title = "{labelers._title}"' if line.startswith("title = ") else line
                    for line in config.read_text().splitlines()
                ]
                config.write_text("\n".join(lines) + "\n")
        people = [Person(one, labelers, (seed, i)) for i, one in enumerate(folders)]
        turns = Turns(choose or at_random(seed))
        problems: list[str] = []
        with turns.watched():
            try:
                turns.run({who: person.work for who, person in zip(PEOPLE, people, strict=True)})
            except Exception as error:
                problems.append(f"{type(error).__name__}: {error}")
        try:
            problems += _after(people, labelers)
        except ActiveSSLError as error:
            problems.append(f"afterwards: {error}")
        if database == "postgres" and rooms.server is not None:
            counted = f"SELECT deadlocks FROM pg_stat_database WHERE datname = '{rooms.database}'"
            found = rooms.server.ask("postgres", counted)
            problems += [f"deadlocks: {found}"] if found != ["0"] else []
        history = people[0].session.project.history()
    rooms.remove(name)
    drop_connections()
    return Outcome(
        database,
        seed,
        sum(turns.borders.values()),
        sum(a != b for a, b in zip(turns.order, turns.order[1:], strict=False)),
        dict(people[0].done + people[1].done),
        len(history.rounds),
        len(labelers.given),
        round(time.monotonic() - begun, 3),
        tuple(problems),
    )


def _after(people: Sequence[Person], labelers: Labelers) -> list[str]:
    """Look before anything is healed; then push and pull what is left, and compare with what people gave."""
    problems = [f"labeled twice: {item}" for item in labelers.twice]
    problems += [f"{count} tasks of {name}" for name, count in Counter(labelers.questions()).items() if count > 1]
    if labelers.projects() > 1:
        problems.append(f"{labelers.projects()} projects in Label Studio")
    ann, ben = people
    history = ann.session.project.history()
    if history.open_round is not None:
        ann.session.push(ann._people)
        labelers.label(100)
    if labelers.projects():
        ben.session.pull(ben._people)
    for person in people:
        history = person.session.project.history()
        labels = {item: label.classes for item, label in history.labels.items()}
        if labels != {item: (name,) for item, name in labelers.given.items()}:
            problems.append(f"labels differ: {len(labels)} of {len(labelers.given)}")
        with person.session.project.ledger() as ledger:
            events = list(ledger)
        asked = Counter(i for e in events if isinstance(e.event, Queried) for q in e.event.questions for i in q.items)
        problems += [f"asked twice: {item}" for item, count in asked.items() if count > 1]
        answers = Counter(e.event.answer.key for e in events if isinstance(e.event, Answered))
        problems += [f"answer twice: {key}" for key, count in answers.items() if count > 1]
        if [r.number for r in history.rounds] != list(range(1, len(history.rounds) + 1)):
            problems.append("rounds have gaps")
        found = verify(person.session.project.folder)
        problems += [f"verify: {one.what}: {one.problem}" for one in found if one.problem]
    return problems


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("databases", nargs="+", choices=["sqlite", "postgres"])
    parser.add_argument("--interleavings", type=int, default=200)
    parser.add_argument("--start", type=int, default=0, help="the first seed")
    parser.add_argument("--real", nargs=2, metavar=("URL", "TOKEN"), help="a real Label Studio instead of the fake one")
    parser.add_argument("--out", type=Path, help="a file for a line of JSON each")
    args = parser.parse_args()
    where = Path(tempfile.mkdtemp(prefix="activessl-team-"))
    bad = 0
    try:
        with cluster() as server:
            rooms = Rooms(where, server)
            for database in args.databases:
                found = []
                for seed in range(args.start, args.start + args.interleavings):
                    found.append(interleave(rooms, database, seed, real=tuple(args.real) if args.real else None))
                    if found[-1].problems:
                        print(database, seed, *found[-1].problems[:6], sep="\n  ", flush=True)
                    if args.out is not None:
                        args.out.parent.mkdir(parents=True, exist_ok=True)
                        with args.out.open("a", encoding="utf-8") as out:
                            out.write(json.dumps(asdict(found[-1])) + "\n")
                verbs = sum((Counter(one.verbs) for one in found), Counter())
                bad += sum(bool(one.problems) for one in found)
                print(
                    f"{database}: {len(found)} interleavings, {sum(one.switches for one in found):,} switches at "
                    f"{sum(one.borders for one in found):,} borders, {sum(one.rounds for one in found):,} rounds, "
                    f"{sum(one.labels for one in found):,} labels, {sum(one.seconds for one in found):,.0f} s, "
                    f"with a problem: {sum(bool(one.problems) for one in found)}"
                )
                print(" ", ", ".join(f"{name} {count:,}" for name, count in sorted(verbs.items())), flush=True)
    finally:
        shutil.rmtree(where, ignore_errors=True)
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
