"""A project of regions at one moment: history, parts and head, and the state that strategies read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Int

from activessl.annotators.base import RegionSuggestion
from activessl.encoders.parts.store import PartStore
from activessl.errors import EncoderError, HeadError, LabelError, ProjectError
from activessl.labels.questions import Question
from activessl.labels.regions.places import PlaceKind
from activessl.labels.regions.region import Regions
from activessl.labels.regions.stored import read_stored
from activessl.labels.regions.tasks import Drawing
from activessl.ledger.history import History
from activessl.pool.progress import OnProgress, say
from activessl.project.folder import Project
from activessl.project.snapshot import embeddings_folder, head_folder

if TYPE_CHECKING:
    from activessl.heads.dense.head import DenseHead
    from activessl.strategies.parts.state import PartState

__all__ = ["RegionSnapshot", "drawing_of"]


def drawing_of(project: Project) -> Drawing:
    """Return the task of a project of regions.

    Raises:
        ProjectError: It is a project of classes.
    """
    drawing = project.config.data.drawing
    if drawing is None:
        raise ProjectError("the project has classes of whole items, not regions", hint="use the verbs without regions")
    return drawing


@dataclass(frozen=True)
class RegionSnapshot:
    """A project of regions at one moment. Derived parts are computed at first use, and cached.

    Args:
        project: The project folder.
        history: The state from its ledger.
        on_progress: Called when a missing head is taught again.
    """

    project: Project
    history: History
    on_progress: OnProgress | None = None

    @classmethod
    def of(cls, project: Project, on_progress: OnProgress | None = None) -> RegionSnapshot:
        """Take a snapshot of the project now."""
        return cls(project, project.history(), on_progress)

    @property
    def place(self) -> PlaceKind:
        """What regions are."""
        return drawing_of(self.project).place

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes."""
        return self.project.config.data.classes

    @cached_property
    def parts(self) -> PartStore:
        """The vectors of the parts of all items, on disk.

        Raises:
            ProjectError: The pool is not encoded yet, or the vectors are missing or damaged.
        """
        encoded = self.history.encoded
        if encoded is None:
            raise ProjectError("the pool is not encoded yet", hint="run `activessl encode`")
        try:
            return PartStore.load(embeddings_folder(self.project, encoded.fingerprint))
        except EncoderError as error:
            raise ProjectError(error.message, hint="run `activessl encode` to make the vectors again") from None

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the encoder."""
        return self.parts.fingerprint

    @property
    def ids(self) -> tuple[str, ...]:
        """The item of each row."""
        return self.parts.ids

    @cached_property
    def row(self) -> dict[str, int]:
        """Item id to its row; items that were added after encoding have none."""
        return {item: i for i, item in enumerate(self.ids)}

    @cached_property
    def extents(self) -> list[tuple[int, ...]]:
        """For each row, (height, width) in pixels, or (length,) in samples or code points."""
        flat = self.place in ("span", "segment")
        return [tuple(size[-1:]) if flat else tuple(size[:2]) for size in self.parts.sizes]

    @cached_property
    def labeled(self) -> Int[np.ndarray, " m"]:
        """The rows that have an answer, ascending."""
        rows = sorted(self.row[item] for item in self.history.labels if item in self.row)
        return np.array(rows, dtype=np.int64)

    def regions_of(self, item: str) -> Regions:
        """The regions of a labeled item, those of the kind of the task."""
        rows = self.history.labels[item].regions or ()
        return tuple(one for one in read_stored(rows) if one.kind == self.place)

    @cached_property
    def answers(self) -> list[Regions]:
        """The regions of each row of ``labeled``."""
        return [self.regions_of(self.ids[row]) for row in self.labeled]

    @cached_property
    def unknown(self) -> list[tuple[str, ...]]:
        """For each row of ``labeled``, the classes that nobody could draw when it was labeled."""
        return [self.history.labels[self.ids[row]].unknown for row in self.labeled]

    @cached_property
    def at_random(self) -> Bool[np.ndarray, " m"]:
        """Which rows of ``labeled`` were drawn at random: on these, thresholds are chosen."""
        drawn = self.history.drawn
        return np.array([self.ids[row] in drawn for row in self.labeled], dtype=bool)

    @cached_property
    def excluded(self) -> Bool[np.ndarray, " n"]:
        """True where an item is not asked about: skipped, missing or set aside."""
        aside = self.history.set_aside | self.history.missing
        return np.array([item in aside for item in self.ids], dtype=bool)

    @cached_property
    def free(self) -> Bool[np.ndarray, " n"]:
        """True where an item has no answer and can be asked about."""
        free = ~self.excluded
        free[self.labeled] = False
        return free

    @cached_property
    def head(self) -> DenseHead | None:
        """The newest head, from its file or else taught again; None before the first."""
        taught = self.history.taught
        if taught is None or not any(self.answers):
            return None
        from activessl.heads.dense.head import DenseHead  # imports torch, which verbs without a head do not need

        folder = head_folder(self.project, taught.round, taught.digest)
        if taught.fingerprint == self.fingerprint and folder.is_dir():
            try:
                head = DenseHead.load(folder)
            except HeadError:
                pass  # the file is a cache
            else:
                if head.classes == self.classes and head.kind == self.place:
                    return head
        say(self.on_progress, "teach", "the head is missing, or of other classes or vectors: it is taught again")
        return self.fitted()

    def fitted(self) -> DenseHead:
        """Teach a head all answers.

        Raises:
            LabelError: No answer holds a region.
        """
        if not any(self.answers):
            raise LabelError(
                f"{len(self.labeled):,} items have an answer, and none holds a region: there is nothing to learn",
                hint="run `activessl query`, which asks about further random items",
            )
        from activessl.heads.dense.head import DenseHead

        head = DenseHead(self.place, self.classes, seed=self.project.config.seed)
        return head.fit(self.parts, self.extents, self.labeled, self.answers, self.at_random, unknown=self.unknown)

    def predicted(self, items: Sequence[str]) -> Iterator[tuple[Regions, float]]:
        """Yield the model's regions of some items, and its confidence in each whole item, in [0, 1]; nothing before the
        first head.

        The confidence is the mean score of the regions; without any, the distance of the likeliest place from being
        one.
        """
        if self.head is None:
            return
        for found, probs in self.head.predict(self.parts, self.extents, [self.row[item] for item in items]):
            scores = [region.score or 0.0 for region in found]
            yield found, float(np.mean(scores)) if scores else float(1 - probs.max(initial=0.0))

    def suggestions(self, questions: Sequence[Question]) -> list[RegionSuggestion]:
        """The suggestions for questions: the regions that save people time. Those for blind questions are marked, and
        must not be shown."""
        found = self.predicted([question.item for question in questions])
        return [
            RegionSuggestion(question.id, self.worth_showing(regions), min(1.0, max(0.0, score)), question.blind)
            for question, (regions, score) in zip(questions, found, strict=False)
        ]

    def worth_showing(self, regions: Regions) -> Regions:
        """Of the model's regions, those that save people time as suggestions."""
        return regions if self.head is None else self.head.shown(regions)

    def state(self, number: int) -> PartState:
        """The state that strategies read to choose round ``number``."""
        from activessl.measuring.simulation.region_task import RegionTask, part_state

        task = RegionTask(self.parts, self.extents, [()] * len(self.parts), self.place, self.classes)
        rng = np.random.default_rng([self.project.config.seed, number])
        everything = np.arange(len(self.parts), dtype=np.int64)
        return part_state(task, self.head, everything, self.labeled, rng).replace(excluded=self.excluded)

    def blind_rows(self, number: int) -> Bool[np.ndarray, " n"]:
        """Rows that round ``number`` asks about blind, so that the worth of suggestions can be measured."""
        rng = np.random.default_rng([self.project.config.seed, number, 1])
        return np.asarray(rng.random(len(self.parts)) < self.project.config.annotator.blind_share)
