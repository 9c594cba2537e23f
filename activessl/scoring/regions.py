"""Encoder of parts and dense head as one model: from a new item to its regions."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

from activessl.encoders.parts.base import PartEncoder
from activessl.encoders.parts.portable import load_parts, save_parts
from activessl.encoders.parts.store import PartStore, encode_parts
from activessl.errors import ConfigError, HeadError
from activessl.heads.dense.head import DenseHead
from activessl.heads.dense.network import Dense
from activessl.labels.regions.places import PlaceKind
from activessl.labels.regions.region import Regions
from activessl.pool.pool import Modality, Pool
from activessl.pool.progress import OnProgress
from activessl.pool.recordings.cut import Cut
from activessl.scoring.model_folder import NOTE, write_model, write_note

__all__ = ["RegionModel", "extents_of"]

_FORMAT = 1
#: The format of a model with a cut, which earlier versions would give whole videos to.
_WITH_CUT = 2


def extents_of(items: Pool, kind: PlaceKind) -> list[tuple[int, ...]]:
    """For each item, (height, width) in pixels, or (length,) in samples or code points."""
    flat = kind in ("span", "segment")
    return [tuple(item.shape[-1:]) if flat else tuple(item.shape[:2]) for item in items.items]


@dataclass(frozen=True, eq=False)
class RegionModel:
    """All that finding regions needs, independent of a project.

    Attributes:
        encoder: Turns items into vectors of their parts.
        modality: The form of data that the encoder reads.
        head: Turns vectors of parts into regions.
        cut: How videos are cut into the items; None if files are the items.
    """

    encoder: PartEncoder
    modality: Modality
    head: DenseHead
    cut: Cut | None = None

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes."""
        return self.head.classes

    @property
    def kind(self) -> PlaceKind:
        """What regions are."""
        return self.head.kind

    def predict(
        self, items: Pool, *, network: Dense | None = None, on_progress: OnProgress | None = None
    ) -> list[Regions]:
        """Return the regions of each item, with their scores.

        Args:
            items: Items of the form of the model.
            network: The network of the head in another runtime, such as ONNX Runtime.
            on_progress: Called with stage "parts".

        Raises:
            ConfigError: The items are of another form.
            EncoderError: Items that the encoder cannot read.
        """
        if items.modality != self.modality:
            raise ConfigError(
                f"the items are of the form {items.modality}, the model reads {self.modality}",
                hint=f"give items of the form {self.modality}",
            )
        with tempfile.TemporaryDirectory() as folder:
            parts = self.parts(items, Path(folder) / "parts", on_progress)
            rows, extents = range(len(items)), extents_of(items, self.kind)
            return [found for found, _ in self.head.predict(parts, extents, rows, network)]

    def parts(self, items: Pool, folder: Path, on_progress: OnProgress | None = None) -> PartStore:
        """Encode the parts of items into a folder."""
        return encode_parts(self.encoder, items, folder, on_progress=on_progress)

    def save(self, folder: Path, *, encoders: Path) -> None:
        """Write the model as one portable folder, completely or not at all.

        Args:
            folder: Folder to write; an earlier model there is replaced, other contents are an error.
            encoders: The folder where the encoder was saved, such as ``encoders`` of a project.

        Raises:
            HeadError: The folder holds something else, or cannot be written.
            EncoderError: The encoder cannot leave its project.
        """
        write_model(folder, lambda new: self._write(new, encoders))

    def _write(self, folder: Path, encoders: Path) -> None:
        save_parts(self.encoder, encoders, folder / "encoder")
        self.head.save(folder / "head")
        note = {
            "format": _FORMAT if self.cut is None else _WITH_CUT,
            "modality": self.modality,
            "classes": list(self.classes),
            "kind": self.kind,
            "encoder": self.encoder.name,
            "fingerprint": self.encoder.fingerprint,
            "head": "dense",
        } | ({} if self.cut is None else {"cut": self.cut.settings()})
        write_note(folder, note)

    @classmethod
    def load(cls, folder: Path) -> RegionModel:
        """Read a model that ``save`` wrote.

        Raises:
            HeadError: No complete model in the folder, or a model of another format.
            EncoderError: The encoder is damaged, or needs a package that is not installed.
        """
        hint = "name a folder that `activessl export model` wrote in a project of regions"
        try:
            note = json.loads((folder / NOTE).read_text(encoding="utf-8"))
            modality, form, kind, classes = note["modality"], note["format"], note["kind"], tuple(note["classes"])
            told = note.get("cut", {})
            cut = Cut.of(told.get("window"), told.get("step"), told.get("frames"))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise HeadError(f"no complete model of regions in {folder}", hint=hint) from None
        if form not in (_FORMAT, _WITH_CUT):
            raise HeadError(
                f"the model in {folder} has format {form}, not {_FORMAT} or {_WITH_CUT}", hint="update activessl"
            )
        head = DenseHead.load(folder / "head")
        if (head.kind, head.classes) != (kind, classes):
            raise HeadError(f"the head in {folder} is of other classes or regions than its note says", hint=hint)
        return cls(load_parts(folder / "encoder"), modality, head, cut)
