"""Fine-tuning in a project: what is switched, what stays the truth meanwhile, and what may still be measured."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from activessl.encoders.registry import fit_encoder
from activessl.errors import EncoderError, ProjectError, ProjectLocked
from activessl.labels.answers import Answer
from activessl.labels.questions import Question
from activessl.ledger.schema import Answered, Queried, Tuned
from activessl.ledger.store import Ledger
from activessl.pool.progress import Progress
from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.project.snapshot import Snapshot
from activessl.proof.estimates import Evidence
from activessl.session import Session
from activessl.steps.finetune import due, finetune
from activessl.steps.query import catch_up
from activessl.tuning.run import Recipe
from activessl_cli.commands.finetune import after_round
from activessl_cli.main import run

CLASSES = ("across", "down")
LABELED, RANDOM = 72, 12


def answered(rows: range) -> list[Answered]:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return [
        Answered(
            answer=Answer(
                key=f"{i}@1", source=str(i), item=f"pool:{i}", kind="label", classes=(CLASSES[i % 2],),
                annotator="ann", seconds=3.0, at=start + timedelta(seconds=i),
            )
        )
        for i in rows
    ]  # fmt: skip


def asked(project: Project, labeled: int, random: int) -> None:
    """A round about the first items, the last ``random`` of them drawn by chance, and what people said."""
    drawn = [i >= labeled - random for i in range(labeled)]
    questions = tuple(
        Question(kind="random" if d else "new", items=(f"pool:{i}",), propensity=0.1 if d else None, uniform=True)
        for i, d in enumerate(drawn)
    )
    encoded = project.history().encoded
    assert encoded is not None
    query = Queried(
        round=1, strategy="auto", seed=(0, 1), fingerprint=encoded.fingerprint, questions=questions, seconds=0.1
    )
    with project.ledger() as ledger:
        ledger.append([query, *answered(range(labeled))])


@pytest.fixture(scope="module", autouse=True)
def small() -> Iterator[None]:
    """An encoder of three components, and fine-tuning that takes a second: what it finds is real."""
    narrow = partial(fit_encoder, centroids=8, field=6, grid=2, dim=3, views=0)
    quick = partial(
        Recipe, batch_size=24, unlabeled=4, epochs=20, lr=2e-2, anchor=0.0, mixup=0.0, smoothing=0.0, average=0.9
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("activessl.steps.encode.fit_encoder", narrow)
        patch.setattr("activessl.tuning.tune.Recipe", quick)
        yield


Make = Callable[..., Project]


@pytest.fixture
def make(quadrants: Path, tmp_path: Path) -> Make:
    """A labeled project with its first head."""

    def made(name: str = "p", *, random: int = RANDOM, labeled: int = LABELED, **more: Any) -> Project:
        shutil.copy(quadrants / "pool.npz", tmp_path / "pool.npz")
        told = {
            "data": {"path": "../pool.npz", "modality": "image", "classes": list(CLASSES)},
            "encoder": {"name": "patches"},
        }
        project = Project.create(tmp_path / name, check_config(told | more), version="test")
        Session(project).encode()
        asked(project, labeled, random)
        Session(project).teach()
        return project

    return made


@pytest.fixture(scope="module")
def finished(quadrants: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Tuned]:
    """A project whose encoder was fine-tuned, and what came of it."""
    folder = tmp_path_factory.mktemp("finished")
    project = make.__wrapped__(quadrants, folder)()  # type: ignore[attr-defined]
    return project.folder, Session(project).finetune()


@pytest.fixture
def tuned(finished: tuple[Path, Tuned], tmp_path: Path) -> tuple[Project, Tuned]:
    """The same, as a copy of one's own."""
    shutil.copytree(finished[0].parent, tmp_path, dirs_exist_ok=True)
    return Project.open(tmp_path / "p"), finished[1]


def fingerprints(project: Project) -> tuple[str, str]:
    """Of the encoder, and of the vectors that the newest head was taught on."""
    history = project.history()
    assert history.encoded is not None and history.taught is not None
    return history.encoded.fingerprint, history.taught.fingerprint


def test_what_pays_replaces_the_frozen_encoder_and_can_be_taken_back(tuned: tuple[Project, Tuned]) -> None:
    project, event = tuned
    session, base = Session(project), event.base
    assert event.outcome == "replaced" and event.after > event.before + 0.1 and event.low > 0
    assert base != event.fingerprint
    assert fingerprints(project) == (event.fingerprint, event.fingerprint)  # embedded anew, and the head taught again
    history = project.history()
    assert history.tuned == event and not history.untaught and history.encoded is not None
    assert history.encoded.added == ()  # no item is new
    assert Snapshot.of(project).model().encoder.fingerprint == event.fingerprint

    # nothing happens twice
    assert session.finetune() == event
    assert session.encode().fingerprint == event.fingerprint
    assert project.history().events == history.events

    assert session.undo_finetuning("by hand") == base
    assert fingerprints(project) == (base, base) and project.history().tuned is None
    assert session.undo_finetuning("by hand") is None
    assert session.encode().fingerprint == base
    assert session.finetune().fingerprint == event.fingerprint  # found again
    assert fingerprints(project) == (event.fingerprint, event.fingerprint)


@pytest.mark.slow
def test_nothing_is_measured_by_labels_that_taught_the_encoder(tuned: tuple[Project, Tuned], make: Make) -> None:
    project, event = tuned
    drawn = {f"pool:{i}" for i in range(LABELED - RANDOM, LABELED)}
    assert not drawn & set(event.taught) and len(event.taught) == LABELED - RANDOM
    snapshot = Snapshot.of(project)
    assert {snapshot.embeddings.ids[snapshot.training[0][i]] for i in Evidence(snapshot).random.at} == drawn

    # where all labels were drawn at random, half of them teach, and only the others measure
    project = make("q", random=LABELED)
    event = Session(project).finetune()
    assert 0.25 < len(event.taught) / LABELED < 0.75
    with project.ledger() as ledger:  # as if it had paid
        ledger.append([event.model_copy(update={"outcome": "replaced", "fingerprint": event.base, "turn": 999})])
    snapshot = Snapshot.of(project)
    judges = {snapshot.embeddings.ids[snapshot.training[0][i]] for i in Evidence(snapshot).random.at}
    assert judges == {f"pool:{i}" for i in range(LABELED)} - set(event.taught)
    Session(project).undo_finetuning("by hand")
    assert len(Evidence(Snapshot.of(project)).random.at) == LABELED


class Killed(BaseException):
    pass


@pytest.mark.slow
def test_killed_anywhere_the_frozen_encoder_is_the_truth_and_it_ends_the_same(
    tuned: tuple[Project, Tuned], make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, expected = tuned
    killed = make("killed")
    before = fingerprints(killed)
    for stage in ["fold 1 of 3", "fold 3 of 3", "all labels", "embed"]:

        def kill(step: Progress, stage: str = stage) -> None:
            if step.stage == stage and (step.done > 5 or stage == "embed"):
                raise Killed

        with pytest.raises(Killed):
            Session(killed).finetune(on_progress=kill)
        assert fingerprints(killed) == before and not killed.history().tunings

    def dying(*_: Any) -> int:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "append", dying)
        with pytest.raises(Killed):
            Session(killed).finetune()
    assert fingerprints(killed) == before

    # after the switch, before the head is taught: the next verb that needs it teaches it
    with monkeypatch.context() as patch:
        patch.setattr("activessl.steps.teach.teach", dying)
        with pytest.raises(Killed):
            Session(killed).finetune()
    assert killed.history().untaught
    catch_up(killed)
    assert fingerprints(killed) == fingerprints(whole) == (expected.fingerprint, expected.fingerprint)


def test_the_encoder_that_the_config_asks_for_wins(tuned: tuple[Project, Tuned]) -> None:
    project, event = tuned
    path = project.folder / "activessl.toml"
    path.write_text(path.read_text().replace("seed = 0", "seed = 1"))
    session = Session.open(project.folder)
    assert session.encode().fingerprint not in (event.fingerprint, event.base)
    assert session.project.history().tuned is None


def test_a_tuned_encoder_that_was_deleted_is_not_missed(tuned: tuple[Project, Tuned]) -> None:
    project, event = tuned
    shutil.rmtree(project.folder / "encoders" / str(event.fingerprint))
    assert Session(project).encode().fingerprint == event.base
    assert project.history().tuned is None


def test_where_the_frozen_encoder_is_gone_the_hint_brings_it_back(tuned: tuple[Project, Tuned]) -> None:
    project, event = tuned
    shutil.rmtree(project.folder / "encoders" / event.base)
    with pytest.raises(ProjectError, match="no encoder") as caught:
        Session(project).undo_finetuning("by hand")
    assert "`activessl encode --minutes 1.0`" in caught.value.hint
    assert Session(project).encode(minutes=1.0).fingerprint == event.base
    assert project.history().tuned is None


def test_items_that_come_later_are_encoded_by_the_encoder_in_use(tuned: tuple[Project, Tuned], tmp_path: Path) -> None:
    project, event = tuned
    pictures = np.load(tmp_path / "pool.npz")["images"]
    np.savez(tmp_path / "pool.npz", images=np.concatenate([pictures, pictures[:5, ::-1]]))
    embeddings = Session(project).encode()
    assert embeddings.fingerprint == event.fingerprint and len(embeddings) == 101
    history = project.history()
    assert history.tuned == event and history.encoded is not None and len(history.encoded.added or ()) == 5


def test_what_cannot_learn_is_refused_and_leaves_no_trace(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("activessl.steps.encode.fit_encoder", partial(fit_encoder, dim=4))
    project = make(encoder={"name": "pixels"})
    events = project.history().events
    with pytest.raises(EncoderError, match="'pixels' cannot be fine-tuned"):
        Session(project).finetune()
    assert project.history().events == events


@pytest.mark.slow
def test_only_one_process_fine_tunes_and_people_can_label_meanwhile(make: Make) -> None:
    project = make()
    tried = []

    def meanwhile(step: Progress) -> None:
        if not tried:
            with pytest.raises(ProjectLocked, match="fine-tuning"):
                finetune(project)
            with project.lock(), project.ledger() as ledger:
                tried.append(ledger.append(answered(range(LABELED, LABELED + 1))))

    assert finetune(project, on_progress=meanwhile).outcome == "replaced"
    assert tried == [1]


def test_it_is_due_by_the_config_and_by_new_labels(tuned: tuple[Project, Tuned], make: Make) -> None:
    project, event = tuned
    always = check_config(project.config.model_dump() | {"finetune": {"when": "auto"}})
    history = project.history()
    assert not due(history, project.config)
    assert not due(history, always)  # tried with the labels there are
    assert due(replace(history, tunings=()), always)
    fewer = event.model_copy(update={"there": 48})
    assert due(replace(history, tunings=(fewer,)), always)  # half as many again
    # clearly worse after the first fold: a third was compared, but all labels were tried
    early = event.model_copy(update={"labels": 24})
    assert event.there == LABELED and not due(replace(history, tunings=(early,)), always)
    old = early.model_copy(update={"there": None})  # of before this was written down
    assert due(replace(history, tunings=(old,)), always)
    assert not due(replace(history, tunings=(), encoded=None), always)


def test_the_verb_says_what_it_found_and_what_to_do(
    tuned: tuple[Project, Tuned], capsys: pytest.CaptureFixture[str]
) -> None:
    project, event = tuned
    here = ("-p", str(project.folder))
    assert run("finetune", *here) == 0
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 2 and out[0].startswith("better: ") and "on 72 held-out labels" in out[0]
    assert "replaces the frozen encoder" in out[1]
    assert run("status", *here) == 0
    assert "encoder: fine-tuned on 60 labels" in capsys.readouterr().out
    assert run("finetune", "--undo", "--json", *here) == 0
    assert json.loads(capsys.readouterr().out) == {"fingerprint": event.base}
    assert run("finetune", "--undo", *here) == 0
    assert capsys.readouterr().out == "the encoder in use was not fine-tuned\n"


def test_too_few_labels_are_two_lines_at_the_terminal(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    project = make(labeled=10, random=0)
    assert run("finetune", "-p", str(project.folder)) == 1
    error = capsys.readouterr().err.splitlines()
    assert error[-2].startswith("error: 10 labels are too few") and error[-1].startswith(" hint: label at least 30")


@pytest.mark.slow
def test_run_fine_tunes_between_rounds_where_the_config_says_so(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    project = make(finetune={"when": "auto"})
    after_round(Session(project))
    assert "replaces the frozen encoder" in capsys.readouterr().err
    events = project.history().events
    after_round(Session(project))
    assert project.history().events == events
