"""The loop over one project: encode, query, push, pull, teach. Each verb can be repeated and interrupted.

A session decides nothing: each verb is a step in ``activessl.steps``, and what is measured is in ``activessl.proof``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from activessl.arguments import instance, number, path, text, whole
from activessl.arguments import names as list_of
from activessl.errors import QueryError
from activessl.project.annotators import annotator_of
from activessl.project.folder import Project
from activessl.project.snapshot import Snapshot

if TYPE_CHECKING:
    from activessl.annotators.base import Annotator, Pushed
    from activessl.encoders.embeddings import Embeddings
    from activessl.ledger.history import History, RoundHistory
    from activessl.ledger.schema import Taught, Tuned
    from activessl.measuring.quality.encoders import Compared
    from activessl.measuring.savings.savings import Savings
    from activessl.measuring.simulation.simulate import Simulation
    from activessl.pool.progress import OnProgress
    from activessl.project.annotators import Connection
    from activessl.proof.measured import Measured
    from activessl.reports.report import Report
    from activessl.scoring.as_onnx import Exported
    from activessl.scoring.model import Model
    from activessl.steps.import_labels import Imported
    from activessl.steps.layouts import Layout

# each verb imports its own step: one that reads the ledger does not wait for what one that encodes needs


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
            ConfigError: Its ``activessl.toml`` cannot be used.
        """
        return cls(Project.open(path("folder", folder)))

    @classmethod
    def create(cls, folder: Path | str, data: Path | str, classes: Sequence[str], **settings: Any) -> Session:
        """Make a project folder about some data, or open it again where it was made with the same arguments.

        Args:
            folder: The project's folder; made if missing.
            data: A folder of images, of WAV, CSV or text files; a ``.csv``, ``.jsonl``, ``.parquet`` or ``.npz`` file.
            classes: Their names, at least two.
            settings: Those of :func:`activessl.steps.create.create`: ``multi_label``, ``modality``, ``test``,
                ``title``, ``strategy``, ``query_size``, ``seed``, ``on_progress``.

        Raises:
            ConfigError: A value cannot be used, or the folder holds another project.
            PoolError: The data cannot be read.
            ProjectError: The folder cannot be written.
        """
        from activessl.steps.create import create

        return cls(create(path("folder", folder), path("data", data), list_of("classes", classes), **settings).project)

    # -- the loop --------------------------------------------------------------------------------------------------

    def encode(self, *, minutes: float | None = None, on_progress: OnProgress | None = None) -> Embeddings:
        """Train the encoder on the pool, or take it from the cache, and embed every item: (n, d), one row an item.

        Where ``torchrun`` started several processes, all of them call it: they share the training, if it can be, and
        the first one does all else while the others wait.

        Args:
            minutes: Training time, > 0; by default the config's.
            on_progress: Called with each step.

        Raises:
            EncoderError: The encoder cannot read such items.
            PoolError: The data cannot be read, or items that were asked about have the ids of others.
            ProjectError: The folder cannot be written; ``ProjectLocked`` while another process works on it.
        """
        from activessl.steps.encode import encode

        return encode(self.project, None if minutes is None else number("minutes", minutes), on_progress)

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
            query_size: How many questions, >= 1: items or, of a round of clusters, clusters; by default the config's.
            strategy: How new items are chosen; by default the config's.
            again: The share of the questions that is about doubted labels, in [0, 1]; "auto" weighs these against new
                items.
            confirm: Whether clusters of alike items are shown, to be confirmed at a glance; None as the config says.

        Raises:
            LabelError: Clusters were asked for, and there is no head that could propose any.
            ProjectError: The pool is not encoded yet.
            QueryError: Nothing is left to ask, or less than was asked for.
        """
        from activessl.steps.query import query

        if query_size is not None and whole("query_size", query_size) < 1:
            raise QueryError(f"asked for {query_size} questions", hint="ask for at least 1")
        if again not in (None, "auto") and not 0 <= number("again", again) <= 1:
            raise QueryError(f"a share of {again} of doubted labels", hint="pass a share from 0 to 1")
        return query(self.project, query_size, strategy=strategy, again=again, confirm=confirm)

    def push(self, annotator: Annotator | Connection | None = None) -> Pushed:
        """Put what waits in the open round before the annotator, with the head's suggestions.

        Args:
            annotator: Who is asked, such as ``LabelStudio(url, token)``; None for whom the config names.

        Raises:
            QueryError: No round is open, or all that is left of it is gone from the data.
            AnnotatorError: The annotator cannot be reached, or did not take it.
        """
        from activessl.steps.push import push

        return push(self.project, annotator_of(self.project, annotator))

    def pull(self, annotator: Annotator | Connection | None = None) -> int:
        """Write new answers into the ledger; return how many there were.

        Args:
            annotator: Who was asked; None for whom the config names.

        Raises:
            AnnotatorError: The annotator cannot be reached, or refuses.
        """
        from activessl.steps.pull import pull

        return pull(self.project, annotator_of(self.project, annotator))

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

        Raises:
            AnnotatorError: The annotator cannot be reached, or refuses.
        """
        people, pause = annotator_of(self.project, annotator), max(number("every", every), 0.0)
        while True:
            self.pull(people)
            history = self.project.history()
            if on_wait is not None:
                on_wait(history)
            if history.open_round is None or not history.waiting(history.open_round):
                return history
            time.sleep(pause)

    def teach(self) -> Taught:
        """Teach the head all labels there are, measure it where the project has test data, and end an answered round.

        Raises:
            LabelError: There are no labels yet, or no round that they belong to.
            ProjectError: The pool is not encoded yet.
        """
        from activessl.steps.teach import teach

        return teach(self.project)

    def round(
        self,
        annotator: Annotator | Connection | None = None,
        *,
        every: float = 5.0,
        on_wait: Callable[[History], None] | None = None,
    ) -> Taught:
        """Finish the round that is open, or open one and finish it: query, push, wait, teach.

        Args:
            annotator: Who is asked; None for whom the config names.
            every: Seconds between two looks for answers, > 0.
            on_wait: Called after each look.

        Raises:
            ActiveSSLError: As ``query``, ``push``, ``wait`` and ``teach`` do.
        """
        people = annotator_of(self.project, annotator)
        while True:
            history = self.project.history()
            if history.open_round is None or history.waiting(history.open_round):
                self.query()
                self.push(people)
                history = self.wait(people, every=every, on_wait=on_wait)
            if history.labels:
                return self.teach()
            self.close("all its items were skipped")

    def close(self, why: str) -> None:
        """End the open round; what nobody answered may be asked again."""
        from activessl.steps.close import close_round

        with self.project.lock():
            close_round(self.project, text("why", why))

    def should_stop(self) -> str | None:
        """Why the project should stop, by the limits of its config; None to go on."""
        from activessl.proof.estimates import Evidence
        from activessl.proof.stopping import stop_now

        snapshot = Snapshot.of(self.project)
        verdict = stop_now(snapshot, Evidence(snapshot))
        return verdict.why if verdict.stop else None

    # -- the encoder -----------------------------------------------------------------------------------------------

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
        from activessl.steps.encode import compare_for

        return compare_for(self.project, list_of("names", names), minutes=minutes, on_progress=on_progress)

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
        from activessl.steps.finetune import finetune

        return finetune(self.project, minutes=minutes, on_progress=on_progress)

    def finetune_due(self) -> bool:
        """Whether the config asks for fine-tuning, and there are enough labels since it was last tried."""
        from activessl.steps.finetune import due

        return due(self.project.history(), self.project.config)

    def undo_finetuning(self, why: str, *, on_progress: OnProgress | None = None) -> str | None:
        """Use the frozen encoder again, and teach its head; return its fingerprint, None where nothing was tuned."""
        from activessl.steps.finetune import undo

        return undo(self.project, why, on_progress)

    # -- what comes in and goes out --------------------------------------------------------------------------------

    def import_labels(self, labels: Mapping[str, str], *, annotator: str) -> Imported:
        """Write labels into the ledger that people gave elsewhere, by item id; all or none of them.

        Args:
            labels: Item id to class; with ``data.multi_label`` several joined by "|".
            annotator: Who gave them.

        Raises:
            LabelError: A class that the project does not have, or no label of an item of the pool.
        """
        from activessl.steps.import_labels import import_labels

        return import_labels(self.project, instance("labels", labels, Mapping), annotator=text("annotator", annotator))

    def measure(self, *, on_progress: OnProgress | None = None) -> Measured:
        """How good the model is and what it saved; measured where it is not known yet, and kept for whoever asks next.

        Args:
            on_progress: Told of each head that is taught to measure.
        """
        from activessl.proof.estimates import Evidence

        return Evidence(Snapshot.of(self.project, on_progress)).measure()

    def report(
        self,
        *,
        arm: Simulation | None = None,
        savings: Savings | None = None,
        method: str = "",
        on_progress: OnProgress | None = None,
    ) -> Report:
        """The report: what it cost, how good the model is, and what was not measured. It is written by
        ``report.save(folder)``, or by ``report.to_html(path)`` alone.

        Args:
            arm: Simulated runs on the same data, to compare with.
            savings: What was measured against them.
            method: How, in a sentence.
            on_progress: Told of each head that is taught to measure.
        """
        from activessl.reports.gather import project_report

        return project_report(Snapshot.of(self.project, on_progress), arm=arm, savings=savings, method=method)

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

        return export_items(self.project, path("folder", folder), layout, predictions=predictions, on_item=on_item)

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

        return export_model(self.project, path("folder", folder), onnx=onnx)
