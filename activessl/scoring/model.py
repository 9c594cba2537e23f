"""Encoder, pool and head as one model: from a new item to its class, its probability and its novelty."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from activessl.encoders.base import Encoder
from activessl.encoders.registry import load_encoder
from activessl.errors import EncoderError, HeadError
from activessl.geometry.smoothing import Smoothed
from activessl.geometry.units import centred_rows
from activessl.heads.base import Head
from activessl.heads.registry import load_head
from activessl.labels.kinds import LabelKind, kind_named
from activessl.labels.one_class import ONE
from activessl.pool.axes import UNKNOWN, Axes
from activessl.pool.pool import Modality, Pool
from activessl.pool.progress import OnProgress, tell
from activessl.pool.recordings.cut import Cut, place_of
from activessl.scoring.model_folder import NOTE, finds_regions, write_model, write_note
from activessl.scoring.reference import FOLDER as REFERENCE
from activessl.scoring.reference import Reference
from activessl.sealed import read_array, seal

FORMAT = 1
#: The format of a model with a cut, which earlier versions would give whole recordings to.
WITH_CUT = 2
#: Items per mini-batch of encoding and scoring.
BATCH = 256
#: The hint where ONNX is not possible.
WITHOUT = "leave --onnx out: the model's folder can score without it"


@dataclass(frozen=True, eq=False)
class Scores:
    """The predictions of a model for some items.

    Attributes:
        ids: Ids of the items.
        probs: (n, k) class probabilities; rows sum to one, unless an item may have several classes.
        novelty: (n,) share of the pool's items that lie closer to their neighbours in the pool than this item does: 0.5
            is usual, 1 is farther from the pool than every item of the pool.
        kind: How many classes an item has.
    """

    ids: tuple[str, ...]
    probs: Float[np.ndarray, "n k"]
    novelty: Float[np.ndarray, " n"]
    kind: LabelKind = ONE

    def rows(self, classes: tuple[str, ...], *, every: bool = False) -> Iterator[dict[str, Any]]:
        """Make one row per item: id, class, the probability that the class is right, and novelty.

        Several classes are joined by "|" and also given as the list ``classes``; no class is an empty text. A window
        has its recording and where it begins and ends, a frame where it is. With ``every``, the probability of each
        class follows.

        Example:
            >>> scores = Scores(("a",), np.array([[0.25, 0.75]]), np.array([0.5]))
            >>> list(scores.rows(("cat", "dog")))
            [{'id': 'a', 'class': 'dog', 'probability': 0.75, 'novelty': 0.5}]
        """
        decided, sure = self.kind.decide(self.probs), self.kind.sureness(self.probs)
        for i, (item, probs, novelty) in enumerate(zip(self.ids, self.probs, self.novelty, strict=True)):
            cells = self.kind.cells(self.kind.named(decided[i], classes))
            row: dict[str, Any] = {"id": item, "class": cells.pop("class")}
            if (place := place_of(item)) is not None:
                row |= {"recording": place.recording, "start": place.start, "end": place.stop}
            row |= {"probability": _short(sure[i]), "novelty": _short(novelty), **cells}
            if every:
                row |= {f"probability of {name}": _short(p) for name, p in zip(classes, probs, strict=True)}
            yield row


@dataclass(frozen=True, eq=False)
class Model:
    """All that scoring needs, in memory, independent of the project.

    Attributes:
        encoder: Turns items into vectors.
        modality: The form of data that the encoder reads.
        classes: (k,) class names, in the order of the columns.
        mean: (d,) mean of the pool's vectors.
        pool: The smoothed vectors of the pool, which new vectors are smoothed with.
        head: Turns smoothed vectors into probabilities.
        head_name: The registered name of the head.
        reach: Ascending distances of the pool's items to the farthest of their neighbours, for novelty.
        kind: How many classes an item has.
        axes: The channels of the series that the encoder was fitted to; of other forms of data, nothing.
        reference: What later items are compared with; None without one, as in models of earlier versions.
        cut: How recordings are cut into the items; None if files are the items.
    """

    encoder: Encoder
    modality: Modality
    classes: tuple[str, ...]
    mean: Float[np.ndarray, " d"]
    pool: Smoothed
    head: Head
    head_name: str
    reach: Float[np.ndarray, " q"]
    kind: LabelKind = ONE
    axes: Axes = UNKNOWN
    reference: Reference | None = None
    cut: Cut | None = None

    def place(self, vectors: Float[np.ndarray, "m d"]) -> tuple[Float[np.ndarray, "m d"], Float[np.ndarray, " m"]]:
        """Smooth the encoder's vectors with those of the pool, and compute their novelty.

        Raises:
            HeadError: Vectors of another length than the pool's, or with NaN or infinity.
        """
        given = np.asarray(vectors, dtype=np.float32)
        if given.ndim != 2 or given.shape[1] != len(self.mean) or not np.isfinite(np.sum(given, dtype=np.float64)):
            raise HeadError(
                f"vectors of shape {given.shape} for a model of {len(self.mean)} dimensions, or with NaN or infinity",
                hint="encode them with the model's own encoder",
            )
        points, reach = self.pool.place(centred_rows(given, self.mean))
        # the small slack keeps the novelty of a copy of a pool item from rising by rounding
        return points, np.searchsorted(self.reach, reach - 1e-6) / len(self.reach)

    def predict_proba(self, vectors: Float[np.ndarray, "m d"]) -> Float[np.ndarray, "m k"]:
        """Class probabilities of the encoder's vectors."""
        return self.head.predict_proba(self.place(vectors)[0])

    def score(self, items: Pool, *, on_progress: OnProgress | None = None) -> Scores:
        """Encode and score items in mini-batches.

        Raises:
            EncoderError: Items of another form of data, or of a shape that the encoder cannot read.
            PoolError: Series with other channels.
        """
        if items.modality != self.modality:
            raise EncoderError(
                f"a model of {self.modality} cannot score {items.modality}", hint=f"give it {self.modality} items"
            )
        items = items.ordered(self.axes)
        probs, novelty, done = [], [], 0
        for vectors in self.encoder.batches(items, BATCH):
            points, strange = self.place(vectors)
            probs.append(self.head.predict_proba(points))
            novelty.append(strange)
            done += len(vectors)
            tell(on_progress, "score", done, len(items))
        return Scores(items.ids, np.concatenate(probs), np.concatenate(novelty), self.kind)

    def save(self, folder: Path, *, encoder_folder: Path) -> None:
        """Write the model as one portable folder, completely or not at all.

        Args:
            folder: Folder to write; an earlier model there is replaced, other contents are an error.
            encoder_folder: Folder of the encoder, which is copied.

        Raises:
            HeadError: The folder holds something else, or cannot be written.
        """
        write_model(folder, lambda new: self._write(new, encoder_folder))

    def _write(self, folder: Path, encoder_folder: Path) -> None:
        # contents without permissions: the caches of a project are readable by their owner only, a model is for others
        (folder / "encoder").mkdir(parents=True)
        for part in encoder_folder.iterdir():
            shutil.copyfile(part, folder / "encoder" / part.name)
        self.pool.save(folder / "pool")
        np.save(folder / "pool" / "mean.npy", self.mean)
        np.save(folder / "pool" / "reach.npy", self.reach)
        seal(folder / "pool")  # again, with the files that were added
        self.head.save(folder / "head")
        if self.reference is not None:  # an addition: earlier versions read the folder, too
            self.reference.save(folder / REFERENCE)
        note = {
            "format": FORMAT if self.cut is None else WITH_CUT,
            "modality": self.modality,
            "classes": list(self.classes),
            "encoder": self.encoder.name,
            "fingerprint": self.encoder.fingerprint,
            "head": self.head_name,
            "multi_label": self.kind.independent,
            "items": len(self.pool.points),
            "dim": len(self.mean),
        } | self.axes.to_json()
        if self.cut is not None:
            note["cut"] = self.cut.settings()
        write_note(folder, note)

    @classmethod
    def load(cls, folder: Path | str) -> Model:
        """Read a model that ``save`` wrote.

        Raises:
            HeadError: No complete model in the folder, or a model of another format.
            EncoderError: The encoder is damaged, or needs a package that is not installed.
        """
        folder = Path(folder)
        hint = "name a folder that `activessl export model` wrote"
        try:
            note = json.loads((folder / NOTE).read_text(encoding="utf-8"))
            mean, reach = (read_array(folder / "pool" / f"{n}.npy") for n in ("mean", "reach"))
            modality, classes, head = note["modality"], tuple(note["classes"]), note["head"]
            known = note["format"] in (FORMAT, WITH_CUT)
            told = note.get("cut", {})  # not beside the time step of series, which has the name of another step
            cut = Cut.of(told.get("window"), told.get("step"), told.get("frames"))
            kind = kind_named("several" if note.get("multi_label", False) else "one")
            axes = Axes.of_json(note, len(note.get("channels", ())))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            if finds_regions(folder):
                raise HeadError(
                    f"the model in {folder} finds regions, and this needs classes of whole items",
                    hint=f"find regions with it: activessl predict DATA --model {folder}",
                ) from None
            raise HeadError(f"no complete model in {folder}", hint=hint) from None
        if not known:
            raise HeadError(
                f"the model in {folder} has format {note['format']}, not {FORMAT} or {WITH_CUT}",
                hint="update activessl",
            )
        pool = Smoothed.load(folder / "pool")
        return cls(
            load_encoder(folder / "encoder"),
            modality,
            classes,
            mean,
            pool,
            load_head(head, folder / "head", kind),
            head,
            reach,
            kind,
            axes,
            Reference.load(folder / REFERENCE),
            cut,
        )


def _short(value: float) -> float:
    return round(float(value), 6)
