"""The round loop over one project: query, push, pull, teach. Each verb can be repeated and interrupted.

What to ask is the strategy's decision, what to believe is the ledger's fold's, what to predict is the head's: this
module only carries values from one room to the next and writes down what happened.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from activessl.annotators.base import Annotator, Offering
from activessl.annotators.base import Pushed as PushResult
from activessl.encoders.compute.processes import decided, leads
from activessl.encoders.embeddings import Embeddings, embed
from activessl.errors import LabelError, PoolError, ProjectError, QueryError
from activessl.heads.base import Head
from activessl.labels.kinds import Labels, kind_of, numbered_alike
from activessl.ledger.history import History, RoundHistory
from activessl.ledger.schema import Closed, Missing, Offered, Taught, Tuned
from activessl.measuring.planning.stopping import kappa
from activessl.measuring.quality.classes import class_counts
from activessl.pool.progress import OnProgress
from activessl.project.annotators import Connection, annotator_of
from activessl.project.folder import Project, write_atomic, writing
from activessl.project.snapshot import Snapshot, embeddings_folder, head_folder, save_whole
from activessl.proof.estimates import Evidence
from activessl.proof.stopping import stop_now
from activessl.steps.encode import check_moved, compare, encoded_event, fitted_encoder, known_ids
from activessl.steps.finetune import due, finetune, standing_encoder, take_back
from activessl.steps.pull import pull_answers
from activessl.steps.push import push_round
from activessl.steps.relabel import SUSPECT, Doubts
from activessl.steps.select import next_round

if TYPE_CHECKING:
    from activessl.measuring.quality.encoders import Compared
    from activessl.measuring.savings.savings import Savings
    from activessl.measuring.simulation.simulate import Simulation
    from activessl.proof.standing import Standing
    from activessl.reports.report import Report
    from activessl.scoring.as_onnx import Exported
    from activessl.scoring.model import Model
    from activessl.steps.import_labels import Imported
    from activessl.steps.layouts import Layout

# what one verb alone needs, it imports itself: a round begins sooner without it


@dataclass(frozen=True)
class Session:
    """One project at work.

    Args:
        project: The project folder.
    """

    project: Project

    @classmethod
    def open(cls, folder: Path | str = ".") -> Session:
        """Open a project folder.

        Raises:
            ProjectError: There is none.
        """
        return cls(Project.open(Path(folder)))

    def encode(self, *, minutes: float | None = None, on_progress: OnProgress | None = None) -> Embeddings:
        """Train the encoder on the pool, or take it from the cache, and embed every item.

        Where ``torchrun`` started several processes, all of them call it: they share the training, if it can be, and
        the first one does all else while the others wait.
        """
        if not leads():
            if decided(bool):
                fitted_encoder(self.project, self.project.pool(), minutes)
            return Embeddings.load(Path(decided(str)))
        pool = self.project.pool()
        with self.project.lock(), writing(self.project.folder):
            self.project.remember(pool)
            start = time.monotonic()
            history = self.project.history()
            with suppress(ProjectError):  # never encoded, or the vectors were deleted
                check_moved(Snapshot(self.project, history).embeddings, history, pool)
            # one that was fine-tuned stays in use until it is taken back, or another one is asked for
            encoder = None if minutes is not None else standing_encoder(self.project, history)
            wanted = encoder is None
            decided(lambda: wanted)
            if encoder is None:
                encoder = fitted_encoder(self.project, pool, minutes, on_progress)
            folder = embeddings_folder(self.project, encoder.fingerprint)
            before = known_ids(self.project, history)  # read first: these vectors may be written over
            embeddings = embed(encoder, pool, folder, on_progress=on_progress)
            encoded = encoded_event(encoder, embeddings, history, before, time.monotonic() - start)
            if encoded is not None:
                self._append(encoded)
        decided(lambda: str(folder))
        return embeddings

    def compare_encoders(
        self, names: Sequence[str] = (), *, minutes: float | None = None, on_progress: OnProgress | None = None
    ) -> tuple[Compared, ...]:
        """Try encoders on a part of the pool, with the labels there are; changes nothing.

        Args:
            names: Encoders; by default all built-in ones that read such data, pretrained ones only if a model is named
                in the config.
            minutes: Training time of each; by default the config's.
            on_progress: Called as encoders are finished.
        """
        return compare(self.project, names, minutes=minutes, on_progress=on_progress)

    def query(
        self,
        query_size: int | None = None,
        *,
        strategy: str | None = None,
        again: float | Literal["auto"] | None = None,
        confirm: bool | None = None,
    ) -> RoundHistory:
        """Open the next round, or return the one that is open.

        Args:
            query_size: How many questions: items or, of a round of clusters, clusters.
            strategy: How new items are chosen.
            again: The share of the questions that is about doubted labels; "auto" weighs these against new items.
            confirm: Whether clusters of alike items are shown, to be confirmed at a glance; None as the config says.

        Raises:
            LabelError: Clusters were asked for, and there is no head that could propose any.
            ProjectError: The pool is not encoded yet.
            QueryError: Nothing is left to ask, or less than was asked for.
        """
        history = self._notice_missing()
        if history.open_round is not None and history.waiting(history.open_round):
            return history.open_round
        self._catch_up()
        with self.project.lock():
            snapshot = Snapshot.of(self.project)
            if snapshot.history.open_round is not None:
                return snapshot.history.open_round  # another process was sooner
            self._append(next_round(snapshot, query_size, strategy=strategy, again=again, confirm=confirm))
            opened = self.project.history().open_round
        if opened is None:
            raise ProjectError("the round was not written", hint="check that the disk is writable and not full")
        return opened

    def _catch_up(self) -> None:
        """Learn what was answered but not taught, where a process died or somebody else pulled, and end the round."""
        history = self.project.history()
        # labels that were there before the first round are taught with its own, those of items that left not at all
        if history.untaught and history.rounds and len(Snapshot(self.project, history).training[0]):
            self.teach()
        with self.project.lock():
            history = self.project.history()
            current = history.open_round
            if current is not None and not history.waiting(current):
                self.close("all its items were answered" + (" or are gone" if history.gone(current) else ""))

    def _notice_missing(self) -> History:
        """Write down which encoded items are gone from the data since it was last looked at, or are back."""
        history = self.project.history()
        if history.encoded is None:
            return history
        try:
            pool = self.project.pool()
        except PoolError:  # a disk that is not there now says nothing about its items
            return history
        before = Snapshot(self.project, history).embeddings
        check_moved(before, history, pool)
        missing = frozenset(item for item in before.ids if item not in pool)
        if missing == history.missing:
            return history
        with self.project.lock():
            self._append(Missing(items=tuple(sorted(missing)), turn=history.events))
        return self.project.history()

    def close(self, why: str) -> None:
        """End the open round; what nobody answered may be asked again."""
        current = self.project.history().open_round
        if current is not None:
            self._append(Closed(round=current.number, why=why))

    def push(self, annotator: Annotator | Connection | None = None) -> PushResult:
        """Put what waits in the open round before the annotator, with the head's suggestions.

        Args:
            annotator: Who is asked, such as ``LabelStudio(url, token)``; None for whom the config names.

        Raises:
            QueryError: No round is open, or all that is left of it is gone from the data.
            AnnotatorError: The annotator did not take it.
        """
        annotator = annotator_of(self.project, annotator)
        self._notice_missing()
        with self.project.lock():
            snapshot = Snapshot.of(self.project)
            current = snapshot.history.open_round
            if current is None:
                raise QueryError("no round is open", hint="run `activessl query`")
            pool, waiting = self.project.pool(), snapshot.history.waiting(current)
            if not waiting and snapshot.history.gone(current):
                self.close("its last items are gone")
                raise QueryError(
                    f"the items that were left of round {current.number} are gone from the data",
                    hint="run `activessl query` for the next round",
                )
            pushed, event = push_round(annotator, snapshot, pool, current, waiting)
            self._note_offer(annotator)
            self._append(event)
            return pushed

    def pull(self, annotator: Annotator | Connection | None = None) -> int:
        """Write new answers into the ledger; return how many there were.

        Args:
            annotator: Who was asked; None for whom the config names.

        Raises:
            AnnotatorError: The annotator cannot be reached, or refuses.
        """
        annotator = annotator_of(self.project, annotator)
        with self.project.lock():
            new = pull_answers(self.project, annotator)
            self._note_offer(annotator)
        return new

    def import_labels(self, labels: Mapping[str, str], *, annotator: str) -> Imported:
        """Write labels into the ledger that people gave elsewhere, by item id; all or none of them.

        Raises:
            LabelError: A class that the project does not have, or no label of an item of the pool.
        """
        from activessl.steps.import_labels import import_labels

        with self.project.lock():
            return import_labels(self.project, labels, annotator=annotator)

    def _note_offer(self, annotator: Annotator) -> None:
        """Write down where people can choose from other classes than before: a class may have joined, or be gone."""
        offer = annotator.offer if isinstance(annotator, Offering) else None
        history = self.project.history()
        if offer is not None and history.choice.last.get(offer.project) != offer.classes:
            own = self.project.own.data.classes
            self._append(Offered(project=offer.project, classes=offer.classes, own=own, turn=history.events))
            self.project.history()  # the project knows its classes by it

    def wait(
        self,
        annotator: Annotator | Connection | None = None,
        *,
        every: float = 5.0,
        on_wait: Callable[[History], None] | None = None,
    ) -> History:
        """Pull until every item of the open round is labeled or skipped.

        Args:
            annotator: Who was asked; None for whom the config names.
            every: Seconds between two looks, > 0.
            on_wait: Called after each look.
        """
        annotator = annotator_of(self.project, annotator)
        while True:
            self.pull(annotator)
            history = self.project.history()
            if on_wait is not None:
                on_wait(history)
            if history.open_round is None or not history.waiting(history.open_round):
                return history
            time.sleep(every)

    def round(
        self,
        annotator: Annotator | Connection | None = None,
        *,
        every: float = 5.0,
        on_wait: Callable[[History], None] | None = None,
    ) -> Taught:
        """Finish the round that is open, or open one and finish it: query, push, wait, teach."""
        annotator = annotator_of(self.project, annotator)
        while True:
            history = self.project.history()
            if history.open_round is None or history.waiting(history.open_round):
                self.query()
                self.push(annotator)
                history = self.wait(annotator, every=every, on_wait=on_wait)
            if history.labels:
                return self.teach()
            with self.project.lock():
                self.close("all its items were skipped")

    def teach(self) -> Taught:
        """Teach the head all labels there are, and measure it where the project has test data.

        Raises:
            LabelError: There are no labels yet, or no round that they belong to.
        """
        with self.project.lock():
            snapshot = Snapshot.of(self.project)
            history = snapshot.history
            if history.labels and not history.rounds:
                raise LabelError(
                    f"{len(history.labels)} labels, but no round yet", hint="run `activessl query`: it uses them"
                )
            if not history.labels:
                raise LabelError("no labels yet", hint="label some items, then run `activessl pull`")
            if not len(snapshot.training[0]):
                raise LabelError(
                    f"all {len(history.labels)} labels are of items that left the pool", hint="run `activessl query`"
                )
            number, digest = history.rounds[-1].number, history.digest()
            start = time.monotonic()
            before = snapshot.predicted_before(number)
            head = snapshot.fitted(snapshot.head)
            after = snapshot.kind.decide(head.predict_proba(snapshot.points))
            save_whole(head, head_folder(self.project, number, digest))
            seconds = time.monotonic() - start
            accuracy, tested, per_class = self._measure(head, snapshot)
            taught = Taught(
                round=number,
                head=self.project.config.head.name,
                fingerprint=snapshot.embeddings.fingerprint,
                labels=len(snapshot.training[0]),
                digest=digest,
                seconds=seconds,
                accuracy=accuracy,
                test_items=tested,
                per_class=per_class,
                kappa=None if before is None else _agreement(before, after),
                change=None if before is None else float(np.mean(~snapshot.kind.same(before, after))),
                suspects=int(np.sum(Doubts(snapshot).labels > SUSPECT)),
                turn=history.events,
            )
            known = history.taught
            if known is None or _about(known) != _about(taught):
                self._append(taught)
            current = history.open_round
            if current is not None and not history.waiting(current):
                self.close("all its items were answered")
        return taught

    def finetune(self, *, minutes: float | None = None, on_progress: OnProgress | None = None) -> Tuned:
        """Fine-tune the encoder on the labels; use it, and teach the head again, if it is better on labels held back.

        Args:
            minutes: About how long it may take; by default the config's.
            on_progress: Called with each step.

        Raises:
            EncoderError: The encoder has no network that could learn.
            LabelError: Too few labels.
            ProjectError: The pool is not encoded yet.
        """
        tuned = finetune(self.project, minutes=minutes, on_progress=on_progress)
        self._teach_anew()
        return tuned

    def take_back_finetuning(self, why: str, *, on_progress: OnProgress | None = None) -> str | None:
        """Use the frozen encoder again, and teach its head; return its fingerprint, None where nothing was tuned."""
        base = take_back(self.project, why, on_progress)
        self._teach_anew()
        return base

    def finetune_due(self) -> bool:
        """Whether the config asks for fine-tuning, and there are enough labels since it was last tried."""
        return due(self.project.history(), self.project.config)

    def _teach_anew(self) -> None:
        # also what a process that died between the switch and this had left to do
        history = self.project.history()
        if history.taught is not None and history.untaught:
            self.teach()

    def standing(self, *, on_progress: OnProgress | None = None) -> Standing:
        """How good the model is and what it saved; measured where it is not known yet, and kept for whoever asks next.

        Args:
            on_progress: Told of each head that is taught to measure.
        """
        return Evidence(Snapshot.of(self.project, on_progress)).standing()

    def should_stop(self) -> str | None:
        """Why the project should stop, by the limits of its config; None to go on."""
        snapshot = Snapshot.of(self.project)
        verdict = stop_now(snapshot, Evidence(snapshot))
        return verdict.why if verdict.stop else None

    def report(
        self,
        *,
        arm: Simulation | None = None,
        savings: Savings | None = None,
        method: str = "",
        on_progress: OnProgress | None = None,
    ) -> tuple[Report, Path]:
        """Write the report as one HTML file and one JSON file; return it, and where the HTML is."""
        from activessl.reports.gather import project_report

        report = project_report(Snapshot.of(self.project, on_progress), arm=arm, savings=savings, method=method)
        folder = self.project.folder / "reports"
        with writing(folder):
            folder.mkdir(exist_ok=True)
            write_atomic(folder / "report.html", report.to_html().encode())
            write_atomic(folder / "report.json", report.to_json().encode())
        return report, folder / "report.html"

    def table(self, *, predictions: bool = True) -> list[dict[str, Any]]:
        """One row an item: what people said and, if asked for, what the head says of the rest."""
        from activessl.steps.export import item_rows

        return item_rows(self.project, predictions=predictions)

    def export_items(
        self,
        folder: Path,
        layout: Layout,
        *,
        predictions: bool = False,
        on_item: Callable[[int, int], None] | None = None,
    ) -> list[dict[str, Any]]:
        """Copy labeled items into a folder that training programs read as it is; return its rows.

        Args:
            folder: Where to; must not be there, or be empty.
            layout: "folders", "huggingface" or "coco".
            predictions: Whether items that nobody labeled come too, with the head's class.
            on_item: Told how many items of how many are written.

        Raises:
            ConfigError: The folder is not empty, or the layout cannot hold such items.
            LabelError: There is nothing to export yet.
            ProjectError: The folder cannot be written.
        """
        from activessl.steps.export import export_items

        return export_items(self.project, folder, layout, predictions=predictions, on_item=on_item)

    def model(self) -> Model:
        """The newest model, to score items that nobody has seen.

        Raises:
            LabelError: There is none yet.
        """
        return Snapshot.of(self.project).model()

    def export_model(self, folder: Path, *, onnx: bool | None = None) -> Exported:
        """Write the newest model as a folder that scores on its own, compared on the project's own items.

        Args:
            folder: Where to.
            onnx: True: with an ONNX file, or an error; False: without; None: with one where it can be had.

        Raises:
            LabelError: There is no model yet.
            HeadError: The folder cannot be used, or the ONNX file answers differently.
        """
        from activessl.steps.export import export_model

        return export_model(self.project, folder, onnx=onnx)

    def _append(self, *events: Any) -> None:
        with self.project.ledger() as ledger:
            ledger.append(events)

    def _measure(
        self, head: Head, snapshot: Snapshot
    ) -> tuple[float | None, int | None, dict[str, tuple[int, int, int]] | None]:
        """Accuracy on the project's own test data, how many items that are, and the counts of each class."""
        data = self.project.config.data
        if data.test is None:
            return None, None, None
        from activessl.proof.holdout import held_out

        vectors, truth = held_out(self.project, snapshot)
        predicted = snapshot.kind.decide(head.predict_proba(snapshot.points_of(vectors)))
        counts = class_counts(truth, predicted, len(data.classes)).tolist()
        per_class = {name: (has, put, both) for name, (has, put, both) in zip(data.classes, counts, strict=True)}
        return float(np.mean(snapshot.kind.same(predicted, truth))), len(truth), per_class


def _agreement(before: Labels, after: Labels) -> float | None:
    """Kappa of two heads' predictions; None where neither finds any class in any item: that is no agreement yet."""
    if kind_of(after).independent and not before.any() and not after.any():
        return None
    return kappa(*numbered_alike(before, after))


def _about(taught: Taught) -> tuple[Any, ...]:
    """What makes a head another one, or says something new of it."""
    measured = (taught.accuracy, taught.test_items)
    return taught.round, taught.head, taught.fingerprint, taught.digest, *measured
