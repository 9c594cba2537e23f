"""``activessl demo``: the whole loop on real images and a real server, with a scripted annotator."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from activessl_cli import render
from activessl_cli.options import JsonOption

if TYPE_CHECKING:
    import numpy as np

    from activessl.measuring.simulation.simulate import Simulation
    from activessl.session import Session
    from activessl_label_studio.studio import StudioInfo

DATA = Path(__file__).parents[1] / "demo_data"
POOL = 3_000  # of 4,000 images; the rest are test data
BEYOND = (1.5, 2.0, 3.0, 4.0, 5.0)  # random choice is simulated up to these multiples of the last label count


@dataclass
class Steps:
    """How long each step took."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a step and print the time."""
        start = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - start
        render.story(f"{name}: {render.duration(self.seconds[name])}")


def demo(
    folder: Annotated[Path, typer.Option(help="The folder of the demo.")] = Path("activessl-demo"),
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of labeling.")] = 8,
    query_size: Annotated[int, typer.Option("--size", min=1, help="Items per round.")] = 20,
    minutes: Annotated[float, typer.Option(min=0.05, help="Training time of the encoder, in minutes.")] = 1.0,
    seeds: Annotated[int, typer.Option(min=2, help="Number of simulations of random choice.")] = 8,
    mistakes: Annotated[float, typer.Option(min=0, max=0.5, help="Share of wrong answers.")] = 0.02,
    skips: Annotated[float, typer.Option(min=0, max=0.5, help="Share of skipped tasks.")] = 0.02,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the server running, so that you can label.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Run the whole loop on 3,000 real images and a real Label Studio server, with a scripted annotator."""
    from activessl_cli.commands.studio import launch
    from activessl_label_studio import studio
    from activessl_label_studio.process import studio_folder

    steps = Steps()
    with steps.step("unpack the images"):
        truth = unpack(folder)
    project = folder / "project"
    was_running = studio.status(studio_folder(project)) is not None
    with steps.step("start Label Studio"):
        info = launch(studio_folder(project))
    try:
        session = _session(folder, query_size)
        with steps.step("encode"), render.progress("encode") as on_progress:
            session.encode(minutes=minutes, on_progress=on_progress)
        with steps.step("label and learn"):
            _rounds(session, info, truth, rounds, mistakes, skips)
        with steps.step("replay random choice"):
            arm = _random_arm(session, truth, seeds, mistakes)
        with steps.step("report"):
            _tell(session, arm, steps, as_json=as_json)
    finally:
        if keep or was_running:
            render.story(f"Label Studio runs at {info.url}: log in as {info.email}, password {info.password}")
            render.story(f"stop the server with: activessl studio stop --project {project}")
        else:
            studio.stop(studio_folder(project))
    render.following(f"open {project / 'reports' / 'report.html'}")


def unpack(folder: Path) -> dict[str, str]:
    """Write the images as a folder of files and the test set as a file; return the true class of each pool item."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from activessl.project.folder import writing

    images = pq.read_table(DATA / "fashion.parquet").to_pylist()
    classes = {row["id"]: row["label"] for row in pq.read_table(DATA / "truth.parquet").to_pylist()}
    with writing(folder):
        if not (folder / "images").exists():
            part = folder / ".images.part"
            part.mkdir(parents=True, exist_ok=True)
            for row in images[:POOL]:
                (part / f"{row['id']}.png").write_bytes(row["image"])
            part.rename(folder / "images")
        if not (folder / "test.parquet").exists():
            test = [{**row, "label": classes[row["id"]]} for row in images[POOL:]]
            part = folder / ".test.parquet.part"
            pq.write_table(pa.Table.from_pylist(test), part)
            part.replace(folder / "test.parquet")
    return {f"{row['id']}.png": classes[row["id"]] for row in images[:POOL]}


def _session(folder: Path, query_size: int) -> Session:
    from importlib.metadata import version

    import pyarrow.parquet as pq

    from activessl.project.config import check_config
    from activessl.project.folder import Project
    from activessl.session import Session

    names = sorted(set(pq.read_table(DATA / "truth.parquet")["label"].to_pylist()))
    config = check_config(
        {
            "data": {"path": "../images", "modality": "image", "classes": names, "test": "../test.parquet"},
            "annotator": {"title": "activessl demo", "media": "local"},
            "query": {"size": query_size},
        },
        name="the demo",
    )
    return Session(Project.create(folder / "project", config, version=version("activessl")))


def _rounds(
    session: Session, info: StudioInfo, truth: dict[str, str], rounds: int, mistakes: float, skips: float
) -> None:
    """Run rounds until ``rounds`` are done; those of an earlier run of the demo count."""
    from activessl.project.annotators import annotator_of
    from activessl_cli.commands.teach import tell
    from activessl_label_studio.scripted import Habits, ScriptedAnnotator

    person: ScriptedAnnotator | None = None
    people = annotator_of(session.project)
    while sum(r.closed is not None for r in session.project.history().rounds) < rounds:
        opened = session.query()
        pushed = session.push(people)
        if person is None:
            render.story(f"label here: {pushed.where}")
            habits = Habits(mistakes=mistakes, skips=skips)
            person = ScriptedAnnotator(
                info.url, info.email, info.password, int(pushed.project), truth, habits=habits, seed=opened.number
            )
        while session.project.history().open_round is not None:
            worked = person.work(len(opened.questions))
            session.pull(people)
            history = session.project.history()
            if history.open_round is None or not history.waiting(history.open_round) or not worked.items:
                break
        render.story(tell(session.teach(), session))
    if person is not None:
        person.close()


def _random_arm(session: Session, truth: dict[str, str], seeds: int, mistakes: float) -> Simulation:
    """Simulate random choice on the same vectors with the same head, test items and share of mistakes."""
    from activessl.annotators.oracle import Habits
    from activessl.measuring.simulation.simulate import simulate

    vectors, labels, split = replay_data(session, truth)
    counts = [r.taught[-1].labels for r in session.project.history().rounds if r.taught]
    free = int((split == 0).sum())
    budgets = sorted({*counts, *(min(round(counts[-1] * far), free) for far in BEYOND)})
    with render.progress("replay") as on_progress:
        return simulate(
            vectors,
            labels,
            n_classes=len(session.project.config.data.classes),
            split=split,
            strategies=("random",),
            seeds=seeds,
            budgets=budgets,
            head=session.project.config.head.name,
            oracle=Habits(mistakes=mistakes),
            jobs=min(4, os.cpu_count() or 1),
            on_progress=on_progress,
        )


def replay_data(
    session: Session, truth: dict[str, str]
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return the project's vectors, their true classes, and the split: 0 for the pool, 1 for test items."""
    import numpy as np

    from activessl.project.snapshot import Snapshot
    from activessl.proof.holdout import held_out

    snapshot, classes = Snapshot.of(session.project), session.project.config.data.classes
    held = held_out(session.project, snapshot)
    test_vectors, test_labels = held.vectors, held.truth
    labels = np.array([classes.index(truth[item]) for item in snapshot.embeddings.ids])
    vectors = np.concatenate([snapshot.embeddings.vectors, test_vectors])
    split = np.repeat([0, 1], [len(labels), len(test_labels)])
    return vectors, np.concatenate([labels, test_labels]), split


def _tell(session: Session, arm: Simulation, steps: Steps, *, as_json: bool) -> None:
    import numpy as np

    from activessl.measuring.savings.single import savings_of_run

    taught = [r.taught[-1] for r in session.project.history().rounds if r.taught]
    base = arm.baseline.curve
    saved = savings_of_run(
        [t.labels for t in taught], [t.accuracy or 0.0 for t in taught], base, rng=np.random.default_rng(0)
    )
    method = (
        f"One run with a scripted annotator, compared with {len(base.accuracy)} simulations of random choice on the "
        "same vectors, with the same head, the same share of mistakes and the same 1,000 test images."
    )
    report = session.report(arm=arm, savings=saved, method=method)
    path = report.save(session.project.folder / "reports")
    random = dict(zip(base.labels.tolist(), base.mean.tolist(), strict=True))
    rows = [(str(t.labels), f"{t.accuracy:.3f}", f"{random[t.labels]:.3f}") for t in taught if t.accuracy is not None]
    text = render.table(("labels", "accuracy", "random choice"), rows) + f"\n{saved.to_text()}\nreport: {path}"
    render.result({**report.to_dict(), "steps": steps.seconds}, text, as_json=as_json)
