"""A project's life, verb by verb: what each verb starts from, and what must be true after it, whatever happened.

The project is small, and has all that is asked of verbs: a labeling server (the stand-in of ``tests/contracts``, which
outlives whoever talks to it), labels of people, a machine, two people who differ, new items, a model, and backups.
"""

from __future__ import annotations

import copy
import json
import os
import shutil
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "contracts"))

from fake_label_studio import FakeLabelStudio
from verbs_desk import Desk, Ended

from activessl.labels.kinds import Label
from activessl.labels.regions.places import Mask
from activessl.labels.regions.region import Region
from activessl.labels.regions.stored import read_stored
from activessl.ledger.history import History
from activessl.ledger.schema import Answered
from activessl.project.folder import Project
from activessl.steps.verify import verify
from activessl_label_studio.regions.scripted import DrawingHabits, ScriptedDrawer

#: What a server keeps, so that each case starts from the same.
_KEPT = ("projects", "tasks", "predictions", "annotations", "uploads", "storages", "views", "locks", "drafts")
_KEPT += ("unique", "counts")
#: How the half-written things are called that an interrupted verb may leave until the next one.
_PARTS = ("**/*.part", "**/.*.part*", "**/*.tmp", "**/*-journal")


@dataclass(frozen=True)
class Verb:
    """A verb in the life of the project.

    Attributes:
        name: Its name in tables; several steps may have the same verb.
        argv: Its arguments, without the project.
        before: What happens between the verb before and this one, such as answers of people.
        project: Whether it takes the project's folder.
        again: How the error may begin when a verb that had succeeded is run again.
        live: Whether people answer while it runs.
        goes_on: Whether a verb that had succeeded does more when it is run again, such as a further round.
    """

    name: str
    argv: tuple[str, ...]
    before: Callable[[World], None] | None = None
    project: bool = True
    again: tuple[str, ...] = ()
    live: bool = False
    goes_on: bool = False


class World:
    """The folder, the server and the process in which the project lives; use it in a ``with``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "life"
        self.stages = folder / "stages"
        self.server = FakeLabelStudio()
        self.project = self.folder / "p"
        self._stage = 0

    def __enter__(self) -> World:
        self.server.__enter__()
        self.desk = Desk(ACTIVESSL_TEST_TOKEN=self.server.token).__enter__()
        self.folder.mkdir(parents=True)
        _write_data(self.folder)
        return self

    def __exit__(self, *_: object) -> None:
        self.desk.__exit__()
        self.server.__exit__()

    # -- running -----------------------------------------------------------------------------------------------------

    def run(self, verb: Verb, fault: str = "count", at: int = 0) -> Ended:
        argv = [*verb.argv, *(("-p", "p") if verb.project else ())]
        if not verb.live:
            return self.desk.run(argv, self.folder, fault, at)
        ended = threading.Event()

        def answer() -> None:
            while not ended.wait(0.05):
                with self.server._guard:
                    answering()(self)

        people = threading.Thread(target=answer)
        people.start()
        try:
            return self.desk.run(argv, self.folder, fault, at)
        finally:
            ended.set()
            people.join()

    def keep(self) -> dict[str, Any]:
        """Remember the folder and the server of now."""
        self._stage += 1
        kept = self.stages / str(self._stage)
        shutil.copytree(self.folder, kept, symlinks=True)
        return {"folder": kept} | {name: copy.deepcopy(getattr(self.server, name)) for name in _KEPT}

    def bring_back(self, kept: dict[str, Any]) -> None:
        """Make the folder and the server as they were."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(kept["folder"], self.folder, symlinks=True)
        with self.server._guard:
            for name in _KEPT:
                setattr(self.server, name, copy.deepcopy(kept[name]))

    def a_day_passes(self) -> None:
        """Half-written files are removed when nobody can be writing them any more: make them old enough."""
        then = time.time() - 86_400
        for pattern in _PARTS:
            for path in self.folder.glob(pattern):
                os.utime(path, (then, then), follow_symlinks=False)

    # -- looking -----------------------------------------------------------------------------------------------------

    def state(self) -> State:
        """What the project and the server know.

        Raises:
            ActiveSSLError: The project does not open.
        """
        opened = Project.open(self.project)
        history = opened.history()
        with opened.ledger() as ledger:
            keys = [r.event.answer.key for r in ledger if isinstance(r.event, Answered)]
        questions = Counter(
            (task["project"], str(task["meta"].get("activessl") or task["data"])) for task in self.server.tasks.values()
        )
        return State(
            labels=_named_alike({item: _said(label) for item, label in history.labels.items()}),
            skipped=frozenset(history.skipped),
            rounds=tuple((r.number, tuple(_alike(item) for item in r.items)) for r in history.rounds),
            history=history,
            doubled=tuple(key for key, n in Counter(keys).items() if n > 1),
            tasks=len(self.server.tasks),
            twice=tuple(str(key) for key, n in questions.items() if n > 1),
            damaged=tuple(f"{one.what}: {one.problem}" for one in verify(self.project) if one.problem),
        )

    def parts(self) -> list[str]:
        """Half-written files."""
        found = {path for pattern in _PARTS for path in self.folder.glob(pattern)}
        return sorted(path.relative_to(self.folder).as_posix() for path in found)


@dataclass(frozen=True)
class State:
    """What a project and its server know, to compare."""

    labels: dict[str, tuple[str, ...]]
    skipped: frozenset[str]
    rounds: tuple[tuple[int, tuple[str, ...]], ...]
    history: History
    doubled: tuple[str, ...]
    tasks: int
    twice: tuple[str, ...]
    damaged: tuple[str, ...]

    def lacks(self, before: State, after: State) -> list[str]:
        """Labels that were there before, and are after, and are not now."""
        kept = {item: said for item, said in before.labels.items() if after.labels.get(item) == said}
        gone = sorted(item for item, said in kept.items() if self.labels.get(item) != said)
        return [f"labels are gone: {gone[:5]}"] if gone else []

    def problems(self, whole: State, *, goes_on: bool = False) -> list[str]:
        """In what it differs from the state after a verb that nothing happened to."""
        found = []
        if goes_on and len(self.rounds) > len(whole.rounds):
            same = self.rounds[: len(whole.rounds)] == whole.rounds
            found = [] if same else ["rounds differ"]
            found += self.lacks(whole, whole)
            return found + self._own()
        if self.labels != whole.labels:
            differ = {k for k in self.labels.keys() | whole.labels.keys() if self.labels.get(k) != whole.labels.get(k)}
            found.append(f"labels differ: {sorted(differ)[:5]}")
        if self.skipped != whole.skipped:
            found.append("skipped items differ")
        if self.rounds != whole.rounds:
            found.append("rounds differ")
        if self.tasks != whole.tasks:
            found.append(f"{self.tasks} tasks instead of {whole.tasks}")
        return found + self._own()

    def _own(self) -> list[str]:
        """What is wrong whatever happened."""
        found = [f"answers twice: {self.doubled[:3]}"] if self.doubled else []
        found += [f"tasks twice: {self.twice[:3]}"] if self.twice else []
        return found + list(self.damaged)


def _said(label: Label) -> tuple[str, ...]:
    """The classes of a label, and the places of its regions, which have names of their own at each answer."""
    regions = read_stored(label.regions or ())
    return (*label.classes, *sorted(f"{one.classes} {one.place!r}" for one in regions))


_STAND_IN = "forgotten-item-"


def _alike(item: str) -> str:
    """The names that stand for forgotten items are drawn: without what was drawn."""
    return _STAND_IN if item.startswith(_STAND_IN) else item


def _named_alike(labels: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    drawn = sorted((said, item) for item, said in labels.items() if item.startswith(_STAND_IN))
    named = {item: said for item, said in labels.items() if not item.startswith(_STAND_IN)}
    return named | {f"{_STAND_IN}{i}": said for i, (said, _) in enumerate(drawn)}


# -- what happens outside of activessl ---------------------------------------------------------------------------------


def _write_data(folder: Path) -> None:
    from PIL import Image

    rng = np.random.default_rng(0)

    def write(where: Path, numbers: range) -> None:
        where.mkdir(parents=True)
        for i in numbers:
            level = (40, 200)[i % 2]
            pixels = np.clip(rng.normal(level, 25, (12, 12)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(where / f"{i:03}.png")

    write(folder / "data", range(60))
    (folder / "data" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno picture")
    write(folder / "new", range(60, 72))
    write(folder / "newer", range(72, 80))
    write(folder / "others", range(80, 86))
    rows = "".join(f"{i:03}.png,{_name(i)}\n" for i in range(16))
    (folder / "labels.csv").write_text("id,label\n" + rows)
    rows = "".join(f"{i:03}.png,{_name(i)}\n" for i in range(40))
    (folder / "all.csv").write_text("id,label\n" + rows)
    rows = "".join(f"{i:03}.png,{_name(i if i % 7 else i + 1)}\n" for i in range(60))
    (folder / "said.csv").write_text("id,class\n" + rows)


def _name(i: int) -> str:
    return ("dark", "light")[i % 2]


def _configure(world: World) -> None:
    """What a person writes into ``activessl.toml``."""
    import tomlkit

    path = world.project / "activessl.toml"
    config = tomlkit.parse(path.read_text())
    annotator: Any = config.setdefault("annotator", tomlkit.table())
    annotator["url"], annotator["token_env"], annotator["media"] = world.server.url, "ACTIVESSL_TEST_TOKEN", "upload"
    encoder: Any = config.setdefault("encoder", tomlkit.table())
    encoder["name"] = "pixels"
    config["machines"] = {"old": {"kind": "table", "path": "../said.csv"}}
    path.write_text(tomlkit.dumps(config))


def answering(share: float = 1.0, person: int = 1, wrong: tuple[int, ...] = ()) -> Callable[[World], None]:
    """People answer the open tasks; one of them every eleventh with a skip."""

    def answer(world: World) -> None:
        server = world.server
        done = {row["task"] for row in server.annotations.values() if row["completed_by"] == person}
        waiting = [number for number in sorted(server.tasks) if number not in done]
        for number in waiting[: round(share * len(waiting))]:
            task = server.tasks[number]
            digits = [part for part in _item_of(task).split("-") if part[:3].isdigit()] or ["000"]
            i = int(digits[-1][:3])
            _annotate(world, number, person, None if i % 11 == 5 else _name(i + (i in wrong)))

    return answer


def _item_of(task: dict[str, Any]) -> str:
    said = task["meta"].get("activessl") or task["data"]
    text = said if isinstance(said, str) else json.dumps(said)
    found = [part for part in text.replace('"', " ").replace("/", " ").split() if part.endswith(".png")]
    return found[0] if found else "000.png"


def _annotate(world: World, task: int, person: int, name: str | None) -> None:
    server = world.server
    number, now = server.number("annotation"), server.now()
    body: dict[str, Any] = {"from_name": "label", "to_name": "item", "type": "choices", "value": {"choices": [name]}}
    server.annotations[number] = {
        "id": number,
        "task": task,
        "completed_by": person,
        "result": [] if name is None else [body],
        "was_cancelled": name is None,
        "ground_truth": False,
        "lead_time": 3.0,
        "parent_prediction": None,
        "created_at": now,
        "updated_at": now,
    }
    server.tasks[task]["updated_at"] = now


def _pictures_with_blocks(world: World) -> None:
    """Pictures of which people draw what is bright."""
    from PIL import Image

    rng = np.random.default_rng(1)
    (world.folder / "blocks").mkdir()
    for number in range(12):
        pixels = rng.integers(90, 130, (32, 32)).astype(np.uint8)
        pixels[4 : 14 + number % 5, 6 : 20 - number % 3] = 240
        Image.fromarray(pixels).save(world.folder / "blocks" / f"{number:03}.png")


def _draw(world: World) -> None:
    """A person draws the block of each open task, as a browser does."""
    config = Project.open(world.project).config
    truth = {}
    for number in range(12):
        inside = np.zeros((32, 32), dtype=bool)
        inside[4 : 14 + number % 5, 6 : 20 - number % 3] = True
        truth[f"{number:03}.png"] = (Region(Mask.of(inside), ("bright",)),)
    server = world.server
    (project,) = server.projects
    person = ScriptedDrawer(
        server.url, server.email, server.password, project, config.data.task, truth, habits=DrawingHabits(spread=0.0)
    )
    person.work(50)
    person.close()


def _drawable(world: World) -> None:
    """The encoder whose parts are places of a picture; a project of regions has no machines."""
    _tunable(world)
    path = world.project / "activessl.toml"
    path.write_text(path.read_text().partition("[machines")[0])


def _two_people(world: World) -> None:
    """A second person answers, and differs in two items."""
    world.server.users = [{"id": 1, "email": "ann@example.org"}, {"id": 2, "email": "bob@example.org"}]
    answering(person=1)(world)
    answering(person=2, wrong=tuple(range(0, 60, 4)))(world)


def _more_labels(world: World) -> None:
    rows = "".join(f"{i:03}.png,{('dark', 'bright')[i % 2]}\n" for i in range(30, 50))
    (world.folder / "more.csv").write_text("id,label\n" + rows)


def _tunable(world: World) -> None:
    """An encoder that can be fine-tuned."""
    _configure(world)
    path = world.project / "activessl.toml"
    path.write_text(path.read_text().replace('name = "pixels"', 'name = "patches"'))


def _tasks_of_others(world: World) -> None:
    """A project of Label Studio that people made without activessl."""
    _configure(world)
    server = world.server
    number, now = server.number("project"), server.now()
    config = """<View><Image name="image" value="$image"/><Choices name="label" toName="image" choice="single">
    <Choice value="dark"/><Choice value="light"/></Choices></View>"""
    server.projects[number] = {"id": number, "created_at": now, "title": "theirs", "label_config": config}
    server.projects[number] |= {"model_version": "", "sampling": "Sequential sampling"}
    server.projects[number] |= {"show_collab_predictions": True, "enable_empty_annotation": True}
    for i in range(20):
        task = server.number("task")
        server.tasks[task] = {"id": task, "project": number, "data": {"image": f"/pictures/{i:03}.png"}, "meta": {}}
        server.tasks[task] |= {"created_at": now, "updated_at": now}
        if i < 8:
            _annotate(world, task, 1, _name(i))
    path = world.project / "activessl.toml"
    path.write_text(path.read_text().replace("[annotator]", f"[annotator]\nproject = {number}"))


#: A life from the first verb to the last, and short ones that need other settings or other data.
LIVES: dict[str, tuple[Verb, ...]] = {
    "whole": (
        Verb("init", ("init", "data", "--classes", "dark,light", "--query-size", "6")),
        Verb("check --fix", ("check", "--fix"), _configure),
        Verb("encode", ("encode",)),
        Verb("import", ("import", "labels.csv")),
        Verb("machines ask", ("machines", "ask", "old")),
        Verb("query", ("query",)),
        Verb("push", ("push",)),
        Verb("pull", ("pull",), answering(0.5)),
        Verb("pull of two people", ("pull",), _two_people),
        Verb("teach", ("teach",)),
        Verb("review --ask", ("review", "--ask", "--size", "2")),
        Verb("push of a review", ("push",)),
        Verb("pull of a review", ("pull",), answering()),
        Verb("run", ("run", "--rounds", "2", "--every", "0.5"), live=True, goes_on=True),
        Verb("accept", ("accept", "--error", "0.3")),
        Verb("accept --undo", ("accept", "--undo")),
        Verb("classes rename", ("classes", "rename", "light", "bright")),
        Verb("classes add", ("classes", "add", "grey")),
        Verb("classes merge", ("classes", "merge", "dark", "grey", "--into", "dark")),
        Verb("classes split", ("classes", "split", "bright", "--into", "bright a", "--into", "bright b")),
        Verb("classes undo", ("classes", "undo")),
        Verb("add", ("add", "new", "--into", "added")),
        Verb("encode of added", ("encode",)),
        Verb("update", ("update", "newer", "--into", "later")),
        Verb("import again", ("import", "more.csv"), _more_labels),
        Verb("teach again", ("teach",)),
        Verb("update --anyway", ("update", "--anyway")),
        Verb("update --rollback", ("update", "--rollback"), again=("error: no model was in use before this one",)),
        Verb("report", ("report", "--to", "report.html")),
        Verb("export file", ("export", "out.csv")),
        Verb("export parquet", ("export", "out.parquet")),
        Verb(
            "export --layout",
            ("export", "layout", "--layout", "folders"),
            again=("error: layout exists and is not empty",),
        ),
        Verb("export model", ("export", "model", "model", "--no-onnx")),
        Verb("export card", ("export", "card", "card")),
        Verb("predict", ("predict", "others", "--to", "said.parquet")),
        Verb("watch", ("watch", "model", "others", "--state", "state.json", "--metrics", "m.prom"), project=False),
        Verb("explain", ("explain", "001.png", "--html", "why.html")),
        Verb("machines withdraw", ("machines", "withdraw", "old")),
        Verb("backup", ("backup", "kept"), again=("error: kept exists",)),
        Verb("forget item", ("forget", "003.png", "--item", "--yes")),
        Verb("forget annotator", ("forget", "bob@example.org", "--annotator", "--yes")),
        Verb("restore", ("restore", "kept")),
    ),
    "regions": (
        Verb(
            "init --task masks",
            ("init", "blocks", "--task", "masks", "--classes", "bright", "--query-size", "4"),
            _pictures_with_blocks,
        ),
        Verb("encode", ("encode",), _drawable),
        Verb("query", ("query",)),
        Verb("push", ("push",)),
        Verb("pull of masks", ("pull",), _draw),
        Verb("teach of masks", ("teach",)),
        Verb("query of a second round", ("query",)),
        Verb("push with suggestions", ("push",)),
        Verb("pull of corrections", ("pull",), _draw),
        Verb("export of regions", ("export", "regions.jsonl")),
        Verb("export --layout of regions", ("export", "coco", "--layout", "coco"), again=("error: coco exists",)),
        Verb("predict masks", ("predict", "blocks", "--to", "said.jsonl")),
        Verb("backup", ("backup", "kept"), again=("error: kept exists",)),
        Verb("restore", ("restore", "kept")),
    ),
    "training": (
        Verb("init", ("init", "data", "--classes", "dark,light", "--query-size", "6")),
        Verb("encode", ("encode",), _configure),
        Verb("import", ("import", "all.csv")),
        Verb("train-annotators", ("train-annotators", "--items", "8")),
        Verb("train-annotators, second part", ("train-annotators",), answering()),
        Verb("train-annotators, scores", ("train-annotators", "--page", "training.html"), answering()),
    ),
    "finetune": (
        Verb("init", ("init", "data", "--classes", "dark,light", "--query-size", "6")),
        Verb("encode", ("encode",), _tunable),
        Verb("import", ("import", "all.csv")),
        Verb("query", ("query",)),
        Verb("finetune", ("finetune", "--minutes", "0.01")),
        Verb("finetune --undo", ("finetune", "--undo")),
    ),
    "adopt": (
        Verb("init", ("init", "data", "--classes", "dark,light", "--query-size", "6")),
        Verb("encode", ("encode",), _tasks_of_others),
        Verb("adopt", ("adopt",)),
        Verb("pull of adopted", ("pull",)),
    ),
}

__all__ = ["LIVES", "State", "Verb", "World", "answering"]
