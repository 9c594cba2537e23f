"""A project at one moment: history, embeddings and head, and the state that strategies read."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float, Int

from activessl.annotators.base import Suggestion
from activessl.encoders.embeddings import Embeddings, contents_of, embed, embedded_alike, forgot_vectors, stamp
from activessl.encoders.registry import load_encoder
from activessl.errors import EncoderError, HeadError, LabelError, PoolError, ProjectError
from activessl.geometry.chain import similarity_chain
from activessl.geometry.core import Cored, core_of
from activessl.geometry.smoothing import Smoothed, smooth
from activessl.geometry.units import centred_rows
from activessl.heads.base import Head
from activessl.heads.evidence import Evidence, evidence_of
from activessl.heads.folds import fold_predictions
from activessl.heads.heeded import Heeded, heed
from activessl.heads.proving import Proof, prove
from activessl.heads.registry import load_head, make_head
from activessl.heads.students import Student, student_of
from activessl.heads.votes import batch_calibrated, shares_for
from activessl.labels.kinds import LabelKind, Labels
from activessl.labels.questions import Question
from activessl.ledger.history import History
from activessl.pool.groups import numbered
from activessl.pool.progress import OnProgress, say
from activessl.project.folder import Project, writing
from activessl.project.metadata import groups_of, project_metadata
from activessl.project.regions.verbs import of_regions
from activessl.scoring.model import Model
from activessl.sealed import beside, write_atomic
from activessl.strategies.base import SAMPLES, State
from activessl.strategies.field import Sight

if TYPE_CHECKING:
    from activessl.heads.dense.head import DenseHead
    from activessl.pool.metadata.base import Metadata
#: Kinds of machines that score names of classes, some of which they prefer whatever the item is.
SCORE_NAMES = frozenset({"language", "zero_shot"})

SUGGESTED = 4  # the pre-selected class and three alternatives: a longer list is slower to read than all classes


def check_labels(history: History, there: Callable[[], int]) -> None:
    """Refuse to teach where nothing can be taught.

    Args:
        history: The history.
        there: Counts the labels of items that are in the pool; not called where there are none at all.

    Raises:
        LabelError: There is no such label.
    """
    if not history.labels:
        raise no_labels(history)
    if not there():
        raise LabelError(
            f"all {len(history.labels)} labels are of items that are not in the pool", hint="run `activessl query`"
        )


def no_labels(history: History) -> LabelError:
    """The error for missing labels, with the next step as its hint."""
    current = history.open_round
    if history.encoded is None:
        return LabelError("no labels yet", hint="run `activessl encode`, then `activessl query`")
    if current is None or not history.waiting(current):
        skipped = f": {len(history.skipped)} items were skipped" if history.skipped else ""
        if history.unread:
            skipped += f"{' and' if skipped else ':'} {len(history.unread)} answers cannot be read"
        other = "other " if history.rounds else ""
        return LabelError(f"no labels yet{skipped}", hint=f"run `activessl query` to ask about {other}items")
    if not current.pushed:
        return LabelError("no labels yet", hint="run `activessl push`, label some items, then run `activessl pull`")
    return LabelError("no labels yet", hint="label some items in Label Studio, then run `activessl pull`")


@dataclass(frozen=True)
class Snapshot:
    """A project at one moment. Derived parts are computed at first use, and cached.

    Args:
        project: The project folder.
        history: The state from its ledger.
        on_progress: Called during the smoothing of a large pool, and by ``Evidence``.
        smoothing: Whether strategies and heads see smoothed vectors; None for those of the newest head.
    """

    project: Project
    history: History
    on_progress: OnProgress | None = None
    smoothing: bool | None = None

    @classmethod
    def of(cls, project: Project, on_progress: OnProgress | None = None) -> Snapshot:
        """Take a snapshot of the project now."""
        return cls(project, project.history(), on_progress)

    @cached_property
    def embeddings(self) -> Embeddings:
        """The embeddings that the project uses now; damaged ones are made again, by the same encoder.

        Raises:
            ProjectError: The pool is not encoded yet, or the stored embeddings are missing, or damaged and the pool has
                other items now; or it is a project of regions.
        """
        if self.project.own.data.drawing is not None:  # a verb that does not know regions
            raise of_regions(self.project.own.data.task)
        encoded = self.history.encoded
        if encoded is None:
            raise ProjectError("the pool is not encoded yet", hint="run `activessl encode`")
        folder = embeddings_folder(self.project, encoded.fingerprint)
        try:
            return Embeddings.load(folder)
        except EncoderError as error:
            made = self._made_again(folder)
            if made is None:
                raise ProjectError(error.message, hint="run `activessl encode` to make the embeddings again") from None
            return made

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the encoder."""
        return self.embeddings.fingerprint

    def _made_again(self, folder: Path) -> Embeddings | None:
        """Embed the same items again; None unless both the encoder and the contents of all items are the same."""
        if not folder.is_dir():
            return None
        try:
            pool = self.project.pool()
            if not embedded_alike(folder, pool):
                return None
            encoder = load_encoder(self.project.folder / "encoders" / folder.name)
            what = "missing" if forgot_vectors(folder) else "damaged"
            say(self.on_progress, "plan", f"{what} embeddings in {folder} are made again")
            return embed(encoder, pool, folder, on_progress=self.on_progress)
        except (EncoderError, PoolError):
            return None

    @cached_property
    def smoothed(self) -> Smoothed | Cored:
        """The embeddings, smoothed over neighbors in the pool; stored on disk, and made again after a change."""
        where = embeddings_folder(self.project, self.embeddings.fingerprint)
        folder, now = where / "smoothed", stamp(where)
        # the stamp of the smoothed vectors: comparing all vectors takes seconds in a large pool
        note = folder / "of.txt"
        try:
            kept = Smoothed.load(folder)
            shape = (len(self.field), self.embeddings.vectors.shape[1])
            if kept.fits(shape) and note.is_file() and note.read_bytes() == now.encode():
                return self._around(kept, folder, now)
        except HeadError:
            kept = None
        mean = self.embeddings.mean
        points = centred_rows(self.embeddings.vectors[self.field] if self.large else self.embeddings.vectors, mean)
        if kept is None or not kept.belongs_to(points):
            kept = smooth(points, on_progress=self.on_progress)
            with suppress(ProjectError, HeadError):  # only a cache: the medium may be read-only, or full
                save_whole(kept, folder)
        with suppress(ProjectError), writing(folder):  # without the stamp, the vectors are compared again
            write_atomic(note, now.encode())
        return self._around(kept, folder, now)

    def _around(self, core: Smoothed, folder: Path, now: str) -> Smoothed | Cored:
        """The whole pool around its smoothed part, which in a small pool is all of it."""
        if not self.large:
            return core
        name = f"placed-{sha256(now.encode()).hexdigest()[:16]}"
        return Cored(core, self.field, self.embeddings.vectors, self.embeddings.mean, folder, name)

    @property
    def large(self) -> bool:
        """Whether only a random part of the pool is smoothed, and looked at where it can stand for the whole pool."""
        return len(self.field) < len(self.embeddings)

    @cached_property
    def field(self) -> Int[np.ndarray, " f"]:
        """The rows that stand for the pool, ascending: all rows, or a random part of a large pool."""
        return core_of(len(self.embeddings))

    @property
    def field_points(self) -> Float[np.ndarray, "f d"]:
        """The vectors of ``field`` for strategies and heads."""
        return self.placed.core.points

    @cached_property
    def field_probs(self) -> Float[np.ndarray, "f k"] | None:
        """The head's probabilities for ``field``; None without a head."""
        if not self.large:
            return self.probs
        return None if self.head is None else self.head.predict_proba(self.field_points)

    @property
    def field_decided(self) -> Labels | None:
        """The head's predictions for ``field``; None without a head."""
        return None if self.field_probs is None else self.kind.decide(self.field_probs)

    @property
    def field_sure(self) -> Float[np.ndarray, " f"]:
        """The confidence of each prediction for ``field``; 0 without a head."""
        if self.field_probs is None:
            return np.zeros(len(self.field))
        return self.kind.sureness(self.field_probs)

    def points_at(self, rows: Int[np.ndarray, " m"]) -> Float[np.ndarray, "m d"]:
        """The vectors of some rows for strategies and heads; the other rows of a large pool are not touched."""
        return self.placed.at(rows)

    def probs_at(self, rows: Sequence[int] | Int[np.ndarray, " m"]) -> Float[np.ndarray, "m k"] | None:
        """The head's probabilities for some rows; None without a head."""
        at = np.asarray(rows, dtype=np.int64)
        if not self.large or self.head is None:
            return None if self.probs is None else self.probs[at]
        return self.head.predict_proba(self.points_at(at))

    def decided_at(self, rows: Int[np.ndarray, " m"]) -> Labels | None:
        """The head's predictions for some rows; None without a head."""
        probs = self.probs_at(rows)
        return None if probs is None else self.kind.decide(probs)

    def sure_at(self, rows: Int[np.ndarray, " m"]) -> Float[np.ndarray, " m"]:
        """The confidence of the predictions for some rows; 0 without a head."""
        probs = self.probs_at(rows)
        return np.zeros(len(rows)) if probs is None else self.kind.sureness(probs)

    @cached_property
    def smooths(self) -> bool:
        """Whether strategies and heads see smoothed vectors, by default as the newest head; True before the first."""
        if self.smoothing is not None:
            return self.smoothing
        taught = self.history.taught
        return taught is None or taught.fingerprint != self.embeddings.fingerprint or taught.smoothed

    def for_next_head(self) -> Snapshot:
        """This snapshot with the vectors that its labels ask for, smoothed or plain, which the next head is taught."""
        found = replace(self, smoothing=self.evidence.smoothing_pays)
        return found.sharing(self, "embeddings", "smoothed", "row", "training")

    def sharing(self, other: Snapshot, *names: str) -> Snapshot:
        """This snapshot, with these derived parts of another one that has the same."""
        for name in names:
            object.__setattr__(self, name, getattr(other, name))
        return self

    @cached_property
    def evidence(self) -> Evidence:
        """The evidence of all labels for these vectors."""
        return self.evidence_from(*self.training)

    def evidence_from(
        self, rows: Int[np.ndarray, " m"], y: Labels, judged: Bool[np.ndarray, " m"] | None = None
    ) -> Evidence:
        """The evidence of these labels; see :func:`activessl.heads.evidence.evidence_of`."""
        return evidence_of(self.smoothed.at(rows), self.smoothed.plain.at(rows), y, judged)

    def points_for(self, rows: Int[np.ndarray, " m"], y: Labels) -> Float[np.ndarray, "n d"]:
        """The vectors that a head which is taught only these labels would see."""
        return self._placed(self.evidence_from(rows, y).smoothing_pays).points

    @property
    def placed(self) -> Smoothed | Cored:
        """The pool as strategies and heads see it."""
        return self._placed(self.smooths)

    def _placed(self, smooths: bool) -> Smoothed | Cored:
        return self.smoothed if smooths else self.smoothed.plain

    @property
    def points(self) -> Float[np.ndarray, "n d"]:
        """The vectors for strategies and heads: centered on the pool, smoothed if that pays, of length one."""
        return self.placed.points

    def points_of(self, vectors: Float[np.ndarray, "m d"]) -> Float[np.ndarray, "m d"]:
        """Center and smooth the vectors of other items like those of the pool."""
        return self.placed.transform(centred_rows(vectors, self.embeddings.mean))

    @cached_property
    def groups(self) -> Int[np.ndarray, " n"]:
        """The group of each row, as a number; without groups in the config each row is a group of its own."""
        project = self.project
        return numbered(groups_of(project.config.data, project.data, project.metadata, self.embeddings.ids))

    @cached_property
    def metadata(self) -> Metadata:
        """What is known of each row beside its content.

        Raises:
            PoolError: The data or the table of metadata cannot be read, or contradict themselves.
        """
        return project_metadata(self.project, self.embeddings.ids, exif=True)

    @cached_property
    def row(self) -> dict[str, int]:
        """Item id to its row of the embeddings; items that were added after encoding have none."""
        return {item: i for i, item in enumerate(self.embeddings.ids)}

    @property
    def kind(self) -> LabelKind:
        """The kind of labels: one class per item, or several."""
        return self.project.config.data.kind

    @cached_property
    def training(self) -> tuple[Int[np.ndarray, " m"], Labels]:
        """The labeled rows, ascending, and their labels as numbers."""
        labels = {self.row[item]: label for item, label in self.history.labels.items() if item in self.row}
        rows = sorted(labels)
        numbers = self.kind.numbers([labels[row] for row in rows], self.project.config.data.classes)
        return np.array(rows, dtype=np.int64), numbers

    @cached_property
    def excluded(self) -> Bool[np.ndarray, " n"]:
        """True where an item is not asked about: skipped, missing, set aside or accepted."""
        aside = self.history.set_aside | self.history.missing | self.history.machine.keys()
        return np.array([item in aside for item in self.embeddings.ids], dtype=bool)

    @cached_property
    def free(self) -> Bool[np.ndarray, " n"]:
        """True where an item has no label and can be asked about."""
        free = ~self.excluded
        free[self.training[0]] = False
        return free

    @cached_property
    def head(self) -> Head | None:
        """The newest head, from its file or else fitted again; None before the first."""
        taught = self.history.taught
        if taught is None or not len(self.training[0]):
            return None
        folder = head_folder(self.project, taught.round, taught.digest)
        if taught.fingerprint == self.embeddings.fingerprint and folder.is_dir():
            try:
                head = load_head(self.project.config.head.name, folder, self.kind)
            except HeadError:
                pass  # the file is a cache: the head is fitted again
            else:
                if len(head.classes_) == len(self.project.config.data.classes):
                    return head
        return self.fitted(None)

    def predicted_before(self, number: int) -> Labels | None:
        """The predictions of the last head of the rounds before ``number``, on the current vectors of ``field``.

        None without such a head, with other vectors or other classes, or without its file. A head of the same round is
        not used: agreement with it would only show that ``teach`` was repeated.
        """
        earlier = [taught for taught in self.history.heads if taught.round < number]
        if not earlier or earlier[-1].fingerprint != self.embeddings.fingerprint:
            return None
        try:
            folder = head_folder(self.project, earlier[-1].round, earlier[-1].digest)
            head = load_head(self.project.config.head.name, folder, self.kind)
        except HeadError:
            return None
        if len(head.classes_) != len(self.project.config.data.classes):
            return None
        return self.kind.decide(head.predict_proba(self._placed(earlier[-1].smoothed).core.points))

    def new_head(self) -> Head:
        """A new head of the type in the config, not taught yet."""
        config = self.project.config
        return make_head(config.head.name, len(config.data.classes), config.seed, self.kind)

    @cached_property
    def probs(self) -> Float[np.ndarray, "n k"] | None:
        """The head's probabilities for every item of the pool; None without a head."""
        return None if self.head is None else self.head.predict_proba(self.points)

    @cached_property
    def decided(self) -> Labels | None:
        """The head's prediction for every item of the pool; None without a head."""
        return None if self.probs is None else self.kind.decide(self.probs)

    @property
    def sure(self) -> Float[np.ndarray, " n"]:
        """The confidence of each prediction, over all classes where an item may have several; 0 without a head."""
        if self.probs is None:
            return np.zeros(len(self.embeddings))
        return self.kind.sureness(self.probs)

    @cached_property
    def machine_shares(self) -> dict[str, Float[np.ndarray, "n k"]]:
        """What each machine in the config says of every row, NaN where nothing: no labels."""
        found = {}
        for name in self.project.config.machines:
            said = self.history.said.get(name)
            if said is not None and said.digest:
                scores = {item: one.scores for item, one in said.answers.items()}
                shares = shares_for(self.embeddings.ids, scores, said.classes, self.project.config.data.classes)
                found[name] = batch_calibrated(shares) if said.what in SCORE_NAMES else shares
        return found

    @cached_property
    def students(self) -> dict[str, Student | None]:
        """What each machine says of any vector; None for a machine that says the same of everything."""
        return {name: student_of(self.points, shares) for name, shares in self.machine_shares.items()}

    @cached_property
    def heeded(self) -> Heeded | None:
        """The head that heeds machines; None if the labels speak for none."""
        if not self.students:
            return None
        rows, y = self.training
        k, students = len(self.project.config.data.classes), list(self.students.values())
        return heed(self.points_at(rows), y, k, students, turns=self.turns)

    @cached_property
    def turns(self) -> Int[np.ndarray, " m"]:
        """For each label, the newest round when it came."""
        came, ids = self.history.arrivals("label", clusters=True), self.embeddings.ids
        return np.array([came.get(ids[row], 0) for row in self.training[0]], dtype=np.int64)

    @cached_property
    def proofs(self) -> dict[str, Proof]:
        """What people's labels say of each machine that does not say the same of everything."""
        (rows, y), k = self.training, len(self.project.config.data.classes)
        able = {name: one for name, one in self.students.items() if one is not None}
        return {name: prove(self.points_at(rows), y, k, one, turns=self.turns) for name, one in able.items()}

    def head_of(self, at: Int[np.ndarray, " a"], points: Float[np.ndarray, "n d"] | None = None) -> Head:
        """Teach a new head some of the labels only, as this project teaches: with the machines for which they speak.

        Args:
            at: Positions of the labels.
            points: The vectors of the pool that these labels ask for; by default those of now.
        """
        rows, y = self.training
        taught = self.points_at(rows[at]) if points is None else points[rows[at]]
        if self.machine_shares:
            students = list(self.students.values())
            if points is not None and points is not self.points:
                students = [student_of(points, shares) for shares in self.machine_shares.values()]
            k = len(self.project.config.data.classes)
            found = heed(taught, y[at], k, students, turns=self.turns[at])
            if found is not None:
                return found.head
        return self.new_head().fit(taught, y[at])

    @property
    def heeds(self) -> tuple[str, ...]:
        """The names of the machines that the next head heeds."""
        return () if self.heeded is None else tuple(list(self.students)[i] for i in self.heeded.used)

    def fitted(self, start: Head | None) -> Head:
        """Teach a head all labels, from the weights of ``start`` if given: the result is the same, but faster."""
        return self._alone(start) if self.heeded is None else self.heeded.head

    def _alone(self, start: Head | None) -> Head:
        """The head on its own, without machines."""
        rows, y = self.training
        classes = np.arange(len(self.project.config.data.classes))
        return (start or self.new_head()).partial_fit(self.points_at(rows), y, classes=classes)

    def held_out_predictions(self, *, alone: bool = False) -> Labels:
        """For each label, the prediction of a head that was taught the labels of the other four of five folds;
        ``alone``: without machines."""
        config, (rows, y) = self.project.config, self.training
        return fold_predictions(
            self.points_at(rows),
            y,
            head=config.head.name,
            n_classes=len(config.data.classes),
            seed=config.seed,
            groups=self.groups[rows] if config.data.grouped else None,
            students=() if alone else tuple(self.students.values()),
            turns=self.turns if self.students else None,
        )

    def model(self) -> Model:
        """The model, that is encoder, pool and newest head, to score new items.

        Raises:
            LabelError: There is no head yet.
        """
        if self.head is None:
            raise LabelError("no model yet", hint="label some items, then run `activessl teach`")
        config = self.project.config
        return Model(
            encoder=load_encoder(self.project.folder / "encoders" / self.embeddings.fingerprint),
            modality=config.data.modality,
            classes=config.data.classes,
            mean=self.embeddings.mean,
            pool=self.placed.core,
            head=self.head,
            head_name=config.head.name,
            reach=self.smoothed.usual_reach(),
            kind=self.kind,
            axes=self.embeddings.axes,
            cut=config.data.cut,
        )

    def named(self, label: Any) -> tuple[str, ...]:
        """The class names of one label of ``training`` or of one prediction of ``decided``."""
        return self.kind.named(label, self.project.config.data.classes)

    def state(self, number: int, *, samples: bool = False) -> State:
        """The state that strategies read to choose round ``number``; with ``samples``, with posterior draws.

        That of a large pool has the vectors as they are on the disk and no probabilities; what strategies see of some
        of its rows is ``sight``.
        """
        config, (rows, y) = self.project.config, self.training
        large, draws = self.large, np.random.default_rng([config.seed, number, 2])
        return State(
            vectors=self.embeddings.vectors if large else self.points,
            labeled=rows,
            labels=np.maximum(y, 0),
            n_classes=len(config.data.classes),
            rng=np.random.default_rng([config.seed, number]),
            probs=None if large else self.probs,
            samples=self._samples(draws, self.points) if samples and not large else None,
            predict=None if self.head is None else self.head.predict_proba,
            excluded=self.excluded,
            ids=self.embeddings.ids,
            class_names=config.data.classes,
            checked=large,  # when they were written, and by the seal
        )

    def sight(self, number: int, *, samples: bool = False) -> Callable[[Int[np.ndarray, " m"]], Sight]:
        """What a strategy that chooses round ``number`` sees of some rows of a large pool."""

        def look(rows: Int[np.ndarray, " m"]) -> Sight:
            points, rng = self.points_at(rows), np.random.default_rng([self.project.config.seed, number, 2])
            probs = None if self.head is None else self.head.predict_proba(points)
            return Sight(points, probs, self._samples(rng, points) if samples else None)

        return look

    def _samples(self, rng: np.random.Generator, points: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "s n k"] | None:
        """Probabilities from draws of the head's posterior; None for a head without a posterior."""
        if not hasattr(self.head, "sample_proba"):
            return None

        def samples(head: Any) -> Float[np.ndarray, "s n k"]:
            found: Float[np.ndarray, "s n k"] = head.sample_proba(points, SAMPLES, rng)
            return found

        with suppress(HeadError):
            return samples(self.head)
        with suppress(HeadError):  # the file of a head has no posterior, nor has one that heeds machines
            return samples(self._alone(None))
        return None  # all labels are of one class

    def chained(self, asked: Sequence[Question], waiting: Sequence[Question]) -> tuple[Question, ...]:
        """Order the open questions of a round so that similar items follow each other; the order is fixed per round."""
        known = [question for question in asked if question.item in self.row]
        chain = similarity_chain(
            self.points_at(np.array([self.row[question.item] for question in known], dtype=np.int64))
        )
        left = {question.id for question in waiting}
        return tuple(known[i] for i in chain if known[i].id in left)

    @property
    def accepted_rows(self) -> Int[np.ndarray, " a"]:
        """Rows of accepted items: strategies do not choose them, but random draws include them, so that random labels
        measure the accuracy on the whole pool."""
        aside = self.history.set_aside | self.history.missing
        machine = self.history.machine.keys() - aside
        return np.array(sorted(self.row[i] for i in machine if i in self.row), dtype=np.int64)

    def suggestions(self, questions: Sequence[Question]) -> list[Suggestion]:
        """The suggestions for questions; those for blind questions are marked, and must not be shown."""
        probs = self.probs_at([self.row[question.item] for question in questions]) if questions else None
        if probs is None:
            return []
        config = self.project.config
        top = np.argsort(-probs, axis=1, kind="stable")[:, : self.kind.shown(probs, SUGGESTED)]
        return [
            Suggestion(
                question=question.id,
                classes=tuple(config.data.classes[k] for k in top[i]),
                probs=tuple(float(probs[i, k]) for k in top[i]),
                blind=question.blind,
                least=config.annotator.suggest_above,
            )
            for i, question in enumerate(questions)
        ]

    def blind_rows(self, number: int) -> Bool[np.ndarray, " n"]:
        """Rows of the pool that round ``number`` asks about blind, so that anchoring can be measured."""
        rng = np.random.default_rng([self.project.config.seed, number, 1])
        return np.asarray(rng.random(len(self.embeddings)) < self.project.config.annotator.blind_share)


def embedded(project: Project, history: History) -> dict[str, str]:
    """Item id to content hash of the items in the embeddings, also if their vectors are damaged; empty without them."""
    encoded = history.encoded
    return {} if encoded is None else contents_of(embeddings_folder(project, encoded.fingerprint)) or {}


def embeddings_folder(project: Project, fingerprint: str) -> Path:
    """The folder of the embeddings of an encoder."""
    return project.folder / "embeddings" / fingerprint


def head_folder(project: Project, number: int, digest: str) -> Path:
    """The folder of the head of a round and a set of labels."""
    # a head's columns are numbers, so its file is valid only for the same classes in the same order
    told = "\n".join((project.config.head.name, *project.config.data.columns))
    return project.folder / "heads" / f"{number:04d}-{digest}-{sha256(told.encode()).hexdigest()[:8]}"


def save_whole(thing: Head | Smoothed | DenseHead, folder: Path) -> None:
    """Save a head or the smoothed vectors atomically; of two processes at the same time, one wins."""
    part, old = beside(folder), beside(folder)
    with writing(folder):
        try:
            part.mkdir(parents=True)
            thing.save(part)
            for turn in range(100):
                try:
                    part.rename(folder)
                    break
                except OSError as error:
                    if error.errno not in (errno.EEXIST, errno.ENOTEMPTY) or turn == 99:
                        raise
                with suppress(FileNotFoundError):  # another process moved it first
                    folder.rename(old)
                shutil.rmtree(old, ignore_errors=True)
        finally:
            shutil.rmtree(part, ignore_errors=True)
