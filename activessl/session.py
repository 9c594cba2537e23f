"""The loop over one project: encode, query, push, pull, teach. Each verb can be repeated and interrupted.

A session contains no logic: each verb is a step in ``activessl.steps``, and the figures are in ``activessl.proof``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from activessl.arguments import instance, number, path, text, whole
from activessl.arguments import names as list_of
from activessl.errors import EncoderError, ProjectError, ProjectLocked, QueryError
from activessl.pool.addresses import Place, place
from activessl.project.annotators import annotator_of
from activessl.project.folder import Project
from activessl.project.regions.verbs import of_regions, only_classes
from activessl.project.snapshot import Snapshot

if TYPE_CHECKING:
    from activessl.annotators.base import Annotator, Pushed
    from activessl.encoders.embeddings import Embeddings
    from activessl.encoders.executors import Executor
    from activessl.encoders.parts.store import PartStore
    from activessl.labels.regions.region import Regions
    from activessl.ledger.history import History, RoundHistory
    from activessl.ledger.schema import Taught, Tuned
    from activessl.measuring.quality.encoders import Compared
    from activessl.measuring.savings.savings import Savings
    from activessl.measuring.simulation.simulate import Simulation
    from activessl.pool.pool import Pool
    from activessl.pool.progress import OnProgress
    from activessl.project.annotators import Connection
    from activessl.proof.measured import Measured
    from activessl.reports.card import Card
    from activessl.reports.regions.report import RegionReport
    from activessl.reports.report import Report
    from activessl.scoring.as_onnx import Exported
    from activessl.scoring.model import Model
    from activessl.steps.add import Added
    from activessl.steps.classes import Classes
    from activessl.steps.import_labels import Imported
    from activessl.steps.layouts import Layout
    from activessl.steps.train_annotators import Held
    from activessl.steps.update import Updated

#: The layouts of regions; which of them a project can write depends on its task.
RegionLayout = Literal["coco", "yolo", "voc", "masks", "conll", "segments"]

# each verb imports its own step, so that verbs that only read the ledger start fast


@dataclass(frozen=True)
class Session:
    """A session on one project.

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
    def create(cls, folder: Path | str, data: Place | str, classes: Sequence[str], **settings: Any) -> Session:
        """Create a project folder, or open it again if it was created with the same arguments.

        Args:
            folder: The project's folder; created if missing.
            data: A folder of images, of WAV, CSV or text files; a ``.csv``, ``.jsonl``, ``.parquet`` or ``.npz`` file.
            classes: Names of the classes, at least two; of regions, at least one.
            settings: Arguments of :func:`activessl.steps.create.create`: ``task``, ``multi_label``, ``modality``,
                ``test``, ``group``, ``group_column``, ``metadata``, ``window``, ``step``, ``frames``, ``title``,
                ``strategy``, ``query_size``, ``seed``, ``on_progress``.

        Raises:
            ConfigError: A value cannot be used, or the folder holds another project.
            PoolError: The data cannot be read.
            ProjectError: The folder cannot be written.
        """
        from activessl.steps.create import create

        return cls(create(path("folder", folder), place("data", data), list_of("classes", classes), **settings).project)

    @property
    def draws(self) -> bool:
        """Whether people draw regions: then each verb has steps of its own."""
        return self.project.own.data.drawing is not None

    def _no_regions(self, instead: str) -> None:
        """Refuse a method of projects of classes in a project of regions."""
        if self.draws:
            raise ProjectError(
                f"the project asks for {self.project.own.data.task}, and this is of classes of whole items",
                hint=f"call session.{instead}()",
            )

    # -- the loop --------------------------------------------------------------------------------------------------

    def encode(
        self,
        *,
        minutes: float | None = None,
        on: str | Executor | None = None,
        workers: int | None = None,
        on_progress: OnProgress | None = None,
    ) -> Embeddings | PartStore:
        """Train the encoder on the pool, or take it from the cache, and embed every item: (n, d), one row an item; in a
        project of regions, the parts of every item.

        With ``torchrun``, all processes call it: they share the training if the encoder supports it, and the first
        process does the rest while the others wait.

        Args:
            minutes: Training time, > 0; by default the config's.
            on: Other processes that encode the items: "ray" for a cluster on this machine, "ray://host:10001" or
                "ray:host:6379" for one of several machines, or an executor; by default this process encodes.
            workers: The number of these processes, with ``on``; by default one for each CPU core.
            on_progress: Called with each step.

        Raises:
            EncoderError: The encoder cannot read such items, or other processes cannot be reached or cannot encode.
            PoolError: The data cannot be read, or ids with answers belong to other items now.
            ProjectError: The folder cannot be written; ``ProjectLocked`` while another process works on it.
        """
        if self.draws:
            from activessl.steps.regions.encode import encode as encode_parts

            if on is not None or workers is not None:
                raise EncoderError(
                    f"a project of {self.project.own.data.task} is encoded in this process",
                    hint="leave out --on and --workers",
                )
            return encode_parts(self.project, None if minutes is None else number("minutes", minutes), on_progress)
        from activessl.steps.encode import encode

        training = None if minutes is None else number("minutes", minutes)
        return encode(self.project, training, on_progress, executor=_executor(on, workers))

    def add(self, items: Path | str, *, into: str = "added", on_progress: OnProgress | None = None) -> Added:
        """Copy new items into the folder of the data; ``encode`` then encodes them and compares them with the others.

        Args:
            items: A folder with new items, or one file.
            into: The subfolder of the data to copy into; "." for the data folder itself.
            on_progress: Called with the stage "add".

        Raises:
            ConfigError: The subfolder cannot be used.
            PoolError: The data of the project are not a folder, or there are no such items.
            ProjectError: The data cannot be written.
        """
        from activessl.steps.add import add

        return add(self.project, path("items", items), into=text("into", into), on_progress=on_progress)

    def update(self, *, anyway: bool = False, on_progress: OnProgress | None = None) -> Updated:
        """Use the newest model instead of the model in use, if it is better on fresh random labels.

        Answers that are not taught yet are taught first. Fresh labels are those of random draws that the model in use
        was not taught; the newest model predicts each of them without having been taught it. The first call makes the
        newest model the model in use.

        Args:
            anyway: Whether to use the newest model without a comparison.
            on_progress: Called with each step.

        Raises:
            LabelError: There is no model yet.
            ProjectError: The model in use is missing or was changed.
        """
        only_classes(self.project, "update")
        from activessl.steps.query import catch_up
        from activessl.steps.update import update

        catch_up(self.project)
        return update(self.project, anyway=anyway, on_progress=on_progress)

    def roll_back(self) -> Updated:
        """Use the model again that was in use before the model in use.

        Raises:
            LabelError: No model was in use before.
            ProjectError: That model is missing or was changed.
        """
        only_classes(self.project, "update")
        from activessl.steps.update import roll_back

        return roll_back(self.project)

    def query(
        self,
        query_size: int | None = None,
        *,
        strategy: str | None = None,
        again: float | Literal["auto"] | None = None,
        confirm: bool | None = None,
        balance: str | None = None,
        items: Sequence[str] | None = None,
    ) -> RoundHistory:
        """Open the next round, or return the one that is open.

        Args:
            query_size: Number of questions, >= 1: items, or clusters in a round of clusters; by default the config's.
            strategy: Strategy for new items; by default the config's.
            again: Share of questions about doubted labels, in [0, 1]; "auto" compares the doubts with the uncertainty
                of new items.
            confirm: Whether people confirm clusters of alike items; by default as in the config.
            balance: Column of the metadata over whose slices the chosen items are spread; by default as in the config.
                Random draws stay uniform.
            items: Ids of the items to ask about, instead of a strategy's; those that have a label are left out.

        Raises:
            LabelError: A round of clusters needs a head, and there is none.
            PoolError: The data do not exist, or have no items; ``balance`` is no column with slices.
            ProjectError: The pool is not encoded yet.
            QueryError: No items are left, fewer than requested, or a listed item is not in the pool.
        """
        from activessl.steps.query import query

        if items is not None and any(value is not None for value in (query_size, strategy, again, confirm, balance)):
            raise QueryError(
                "a list of items excludes query_size, strategy, again, confirm and balance", hint="pass the items alone"
            )

        if query_size is not None and whole("query_size", query_size) < 1:
            raise QueryError(f"query size {query_size} is below 1", hint="pass at least 1")
        if again not in (None, "auto") and not 0 <= number("again", again) <= 1:
            raise QueryError(f"share {again} of doubted labels is outside 0 to 1", hint="pass a share from 0 to 1")
        if balance is not None:
            text("balance", balance)
        wanted = None if items is None else list_of("items", items)
        if self.draws:
            for value, option in ((again, "again"), (confirm, "confirm"), (balance, "balance")):
                if value:
                    only_classes(self.project, f"query --{option}")
            from activessl.steps.regions.query import query as query_regions

            return query_regions(self.project, query_size, strategy=strategy, items=wanted)
        return query(
            self.project,
            query_size,
            strategy=strategy,
            again=again,
            confirm=confirm,
            balance=balance,
            items=wanted,
        )

    def annotator(self) -> Annotator:
        """The annotator of the config, to be passed to ``push``, ``pull`` and ``wait``; its notes are read from it."""
        return annotator_of(self.project, None)

    def push(self, annotator: Annotator | Connection | None = None) -> Pushed:
        """Send the unanswered questions of the open round to the annotator, with suggestions.

        Args:
            annotator: The annotator, such as ``LabelStudio(url, token)``; by default that of the config.

        Raises:
            QueryError: No round is open, or its remaining items are gone from the data.
            AnnotatorError: The annotator cannot be reached, or did not accept the questions.
        """
        if self.draws:
            from activessl.steps.regions.push import push as push_regions

            return push_regions(self.project, annotator_of(self.project, annotator))
        from activessl.steps.push import push

        return push(self.project, annotator_of(self.project, annotator))

    def pull(self, annotator: Annotator | Connection | None = None) -> int:
        """Fetch new answers into the ledger; return their number.

        Args:
            annotator: The annotator; by default that of the config.

        Raises:
            AnnotatorError: The annotator cannot be reached, or refuses the request.
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
            annotator: The annotator; by default that of the config.
            every: Seconds between two pulls, > 0.
            on_wait: Called after each pull.

        Raises:
            AnnotatorError: The annotator cannot be reached, or refuses the request.
        """
        people, pause = annotator_of(self.project, annotator), max(number("every", every), 0.0)
        while True:
            with suppress(ProjectLocked):  # another verb writes: the answers are still there at the next look
                self.pull(people)
            history = self.project.history()
            if on_wait is not None:
                on_wait(history)
            if history.open_round is None or not history.waiting(history.open_round):
                return history
            time.sleep(pause)

    def teach(self, *, on_progress: OnProgress | None = None) -> Taught:
        """Teach the head all labels, measure it if the project has test data, and end an answered round.

        Args:
            on_progress: Called in a project of regions, where teaching takes minutes.

        Raises:
            LabelError: There are no labels yet, or, in a project of regions, no item holds a region yet.
            ProjectError: The pool is not encoded yet.
        """
        if self.draws:
            from activessl.steps.regions.teach import teach as teach_regions

            return teach_regions(self.project, on_progress)
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
            annotator: The annotator; by default that of the config.
            every: Seconds between two pulls, > 0.
            on_wait: Called after each pull.

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
            if history.labels and not history.nothing_drawn:
                return self.teach()
            number = history.open_round.number if history.open_round is not None else len(history.rounds)
            if history.nothing_drawn:
                self.close("none of the items with an answer holds a region", round=number)
            else:
                why = "none of its answers can be read" if history.unread else "all its items were skipped"
                self.close(why, round=number)

    def train_annotators(
        self, annotator: Annotator | Connection | None = None, *, items: int | None = None, anew: bool = False
    ) -> Held:
        """Open a training round for annotators, or go on with it: fetch its answers, add its second part when due.

        Args:
            annotator: The annotator; by default that of the config.
            items: Items of a new training round; by default those of about 15 minutes.
            anew: Whether to open another training round.

        Raises:
            AnnotatorError: The annotator cannot hold training rounds, cannot be reached, or refuses.
            LabelError: The answers of too few items are known.
            ProjectError: The pool is not encoded yet.
        """
        from activessl.steps.train_annotators import train_annotators

        n = None if items is None else whole("items", items)
        return train_annotators(self.project, annotator_of(self.project, annotator), n, anew=anew)

    def close(self, why: str, *, round: int | None = None) -> None:
        """End the open round; unanswered items may be asked about again.

        Args:
            why: The reason, for the ledger.
            round: The number of the round that is meant: nothing happens if another one is open by now, as where two
                people end a round at once. By default whichever is open.
        """
        from activessl.steps.close import close_round

        with self.project.lock():
            close_round(self.project, text("why", why), None if round is None else whole("round", round))

    def should_stop(self) -> str | None:
        """Return the reason why the project should stop, by the limits of its config; None to continue."""
        if self.draws:
            from activessl.proof.regions.stopping import stop_regions

            return stop_regions(self.project)
        from activessl.proof.estimates import Evidence
        from activessl.proof.stopping import stop_now

        snapshot = Snapshot.of(self.project)
        verdict = stop_now(snapshot, Evidence(snapshot))
        return verdict.why if verdict.stop else None

    @property
    def classes(self) -> Classes:
        """The classes, to be renamed, merged, split or added: ``session.classes.rename("defect", "scratch")``."""
        from activessl.steps.classes import Classes

        return Classes(self.project)

    # -- the encoder -----------------------------------------------------------------------------------------------

    def compare_encoders(
        self, names: Sequence[str] = (), *, minutes: float | None = None, on_progress: OnProgress | None = None
    ) -> tuple[Compared, ...]:
        """Compare encoders on a part of the pool, with its labels; changes nothing.

        Args:
            names: Encoders; by default all built-in ones for this form of data, pretrained ones only if the config
                names a model.
            minutes: Training time of each encoder; by default the config's.
            on_progress: Called after each encoder.
        """
        only_classes(self.project, "encode --compare")
        from activessl.steps.encode import compare_for

        return compare_for(self.project, list_of("names", names), minutes=minutes, on_progress=on_progress)

    def finetune(self, *, minutes: float | None = None, on_progress: OnProgress | None = None) -> Tuned:
        """Fine-tune the encoder on the labels; if it is better on a hold-out, use it and teach its head.

        Args:
            minutes: Approximate duration; by default the config's.
            on_progress: Called with each step.

        Raises:
            EncoderError: The encoder cannot be fine-tuned.
            LabelError: Too few labels.
            ProjectError: The pool is not encoded yet.
        """
        only_classes(self.project, "finetune")
        from activessl.steps.finetune import finetune

        return finetune(self.project, minutes=minutes, on_progress=on_progress)

    def finetune_due(self) -> bool:
        """Whether fine-tuning is due, by the config and the labels since the last attempt."""
        if self.draws:
            return False
        from activessl.steps.finetune import due

        return due(self.project.history(), self.project.config)

    def undo_finetuning(self, why: str, *, on_progress: OnProgress | None = None) -> str | None:
        """Use the frozen encoder again, and teach its head; return its fingerprint, or None if none was fine-tuned."""
        only_classes(self.project, "finetune")
        from activessl.steps.finetune import undo

        return undo(self.project, why, on_progress)

    # -- import, figures and export --------------------------------------------------------------------------------

    def import_labels(self, labels: Mapping[str, str], *, annotator: str) -> Imported:
        """Import labels that people gave elsewhere, by item id; all or none of them.

        Args:
            labels: Item id to class; with ``data.multi_label`` several joined by "|".
            annotator: Name of the person who gave the labels.

        Raises:
            LabelError: A class that the project does not have, or no label of an item of the pool.
        """
        self._no_regions("import_file")
        from activessl.steps.import_labels import import_labels

        return import_labels(self.project, instance("labels", labels, Mapping), annotator=text("annotator", annotator))

    def import_file(
        self,
        file: Path | str,
        *,
        annotator: str = "",
        item: str | None = None,
        label: str | None = None,
        form: str | None = None,
        boxes_as_classes: bool = False,
    ) -> Imported:
        """Import the labels of a table, or of an export of a labeling tool; all that can be read, or none.

        Args:
            file: A file or folder, of one of the forms of ``docs/reference/formats.md``.
            annotator: Who gave the labels that the file gives no annotator; by default the name of the file.
            item: The column that tells the item; by default each that does, and they must agree.
            label: The column, or the control of the labeling tool, with the classes; by default it is found.
            form: The name of the form, such as "coco"; by default it is known by its marks.
            boxes_as_classes: Whether the classes of boxes and masks count as classes of the whole image.

        Raises:
            ConfigError: The file cannot be read.
            LabelError: A class that the project does not have, no label of an item of the pool, or columns that
                contradict each other.
        """
        if self.draws:
            from activessl.steps.regions.import_regions import import_regions

            return import_regions(self.project, path("file", file), annotator=text("annotator", annotator), form=form)
        from activessl.steps.import_labels import import_file

        who = text("annotator", annotator)
        return import_file(
            self.project,
            path("file", file),
            annotator=who,
            item=item,
            label=label,
            form=form,
            boxes_as_classes=boxes_as_classes,
        )

    def measure(self, *, on_progress: OnProgress | None = None) -> Measured:
        """Return accuracy, recall, precision and labels saved; measure figures that are not kept yet, and keep them.

        Args:
            on_progress: Called for each head that is taught to measure.
        """
        self._no_regions("region_report")
        from activessl.proof.estimates import Evidence

        return Evidence(Snapshot.of(self.project, on_progress)).measure()

    def region_report(self, *, on_progress: OnProgress | None = None) -> RegionReport:
        """Make the report of a project of regions: ``report.save(folder)`` writes it.

        Args:
            on_progress: Called when a missing head is taught again.

        Raises:
            ProjectError: It is a project of classes.
        """
        from activessl.project.regions.snapshot import RegionSnapshot, drawing_of
        from activessl.reports.regions.report import region_report
        from activessl.steps.next_step import next_step

        drawing_of(self.project)
        snapshot = RegionSnapshot.of(self.project, on_progress)
        return region_report(snapshot, next_step(snapshot.history))

    def predict_regions(self, items: Pool, *, on_progress: OnProgress | None = None) -> list[Regions]:
        """Return the model's regions of new items, with their scores; see ``activessl.steps.regions.predict``.

        Args:
            items: Items of the form of the project.
            on_progress: Called with stage "parts".

        Raises:
            ConfigError: The items are of another form, or the data of the project changed.
            LabelError: There is no model yet.
        """
        from activessl.steps.regions.predict import predict_regions

        return predict_regions(self.project, items, on_progress)

    def report(
        self,
        *,
        arm: Simulation | None = None,
        savings: Savings | None = None,
        method: str = "",
        on_progress: OnProgress | None = None,
    ) -> Report:
        """Make the report: cost, accuracy, labels saved, and what is not measured. ``report.save(folder)`` writes it.

        Args:
            arm: Simulated runs on the same data, to compare with.
            savings: The labels saved against these runs.
            method: Method of the comparison, in one sentence.
            on_progress: Called for each head that is taught to measure.
        """
        self._no_regions("region_report")
        from activessl.reports.gather import project_report

        return project_report(Snapshot.of(self.project, on_progress), arm=arm, savings=savings, method=method)

    def card(self, *, on_progress: OnProgress | None = None) -> Card:
        """Make the card of the newest model and its data; ``card.save(folder)`` writes it.

        Raises:
            LabelError: There is no model yet.
        """
        only_classes(self.project, "export card")
        from activessl.reports.card import project_card

        return project_card(Snapshot.of(self.project, on_progress))

    def table(self, *, predictions: bool = True) -> list[dict[str, Any]]:
        """Return one row for each item: its label or, with ``predictions``, the prediction for an unlabeled item."""
        if self.draws:
            from activessl.steps.regions.export import region_rows

            return region_rows(self.project, predictions=predictions)
        from activessl.steps.export import item_rows

        return item_rows(self.project, predictions=predictions)

    def export_items(
        self,
        folder: Path,
        layout: Layout | RegionLayout,
        *,
        predictions: bool = False,
        on_item: Callable[[int, int], None] | None = None,
    ) -> list[dict[str, Any]]:
        """Copy labeled items into a folder that training programs read; return its rows.

        Args:
            folder: The target; must be missing or empty.
            layout: "folders", "huggingface" or "coco"; of regions "coco", "yolo", "voc", "masks", "conll" or
                "segments".
            predictions: Whether to include unlabeled items with the predicted class.
            on_item: Called with the number of written items and of all items.

        Raises:
            ConfigError: The folder is not empty, or the layout cannot hold such items.
            LabelError: There is nothing to export yet.
            ProjectError: The folder cannot be written.
        """
        target = path("folder", folder)
        if self.draws:
            from activessl.steps.regions.export import export_regions

            return export_regions(self.project, target, layout, predictions=predictions, on_item=on_item)
        from activessl.steps.export import export_items

        return export_items(self.project, target, cast("Layout", layout), predictions=predictions, on_item=on_item)

    def model(self) -> Model:
        """Return the newest model, to score new items.

        Raises:
            LabelError: There is no model yet.
        """
        if self.draws:
            raise of_regions(self.project.own.data.task)
        return Snapshot.of(self.project).model()

    def export_model(
        self,
        folder: Path,
        *,
        onnx: bool | None = None,
        reference: bool = True,
        on_progress: OnProgress | None = None,
    ) -> Exported:
        """Write the newest model as a self-contained folder, tested on the project's own items.

        Args:
            folder: The target.
            onnx: True: with an ONNX file, or an error; False: without; None: with an ONNX file if possible.
            reference: Whether to write a reference sample, with which ``watch`` compares later items. An encoder that
                learns from the pool is fitted once more for it, on one half of the pool. Models of regions have none.
            on_progress: Called with each step.

        Raises:
            LabelError: There is no model yet.
            HeadError: The folder cannot be used, or the ONNX file gives other predictions.
        """
        if self.draws:
            from activessl.steps.regions.export import export_region_model

            return export_region_model(self.project, path("folder", folder), onnx=onnx, on_progress=on_progress)
        from activessl.steps.export import export_model

        return export_model(
            self.project, path("folder", folder), onnx=onnx, reference=reference, on_progress=on_progress
        )


def _executor(on: str | Executor | None, workers: int | None) -> Executor | None:
    """Return the executor that the arguments of ``encode`` name."""
    from activessl.encoders.executors import Executor, executor_named

    if on is None or (isinstance(on, Executor) and not isinstance(on, str)):
        if workers is not None:
            raise EncoderError(
                f"workers = {workers} needs a place: on is {on if on is None else type(on).__name__!r}",
                hint='pass on="ray", or leave workers out',
            )
        return on
    return executor_named(text("on", on), None if workers is None else whole("workers", workers))
