"""The reference sample of a model: vectors of items of its pool that later items can be compared with.

The vectors of items that an encoder was fitted on differ from those of other items of the same kind: a comparison of
the two finds drift where there is none (docs/decisions/0035-drift.md). Therefore the reference is encoded by an encoder
that was fitted on other items of the pool, and the items that are watched are encoded by it, too.
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from activessl.encoders.base import Encoder
from activessl.encoders.registry import load_encoder
from activessl.errors import EncoderError, HeadError
from activessl.pool.groups import group_pattern
from activessl.sealed import check_seal, read_array, seal

#: The folder of the reference in that of a model.
FOLDER = "reference"
FORMAT = 1
#: Most items of a reference: more do not make a comparison better, since at most 4,000 are compared at once.
MOST = 4_000


@dataclass(frozen=True, eq=False)
class Reference:
    """Vectors to compare later items with.

    Attributes:
        vectors: (r, d) vectors of the encoder.
        groups: (r,) names of the groups of these items; None if items are not in groups.
        pattern: ``data.group`` of the project, which finds the group in the id of an item.
        encoder: The encoder of these vectors; None for the model's own, where it was not fitted on the pool.
        source: Folder of this encoder; None for the model's own.
    """

    vectors: Float[np.ndarray, "r d"]
    groups: tuple[str, ...] | None = None
    pattern: str | None = None
    encoder: Encoder | None = None
    source: Path | None = None

    def save(self, folder: Path) -> None:
        """Write the reference into a new folder.

        Raises:
            OSError: The folder cannot be written.
        """
        folder.mkdir(parents=True)
        np.save(folder / "vectors.npy", np.asarray(self.vectors, dtype=np.float32))
        note = {
            "format": FORMAT,
            "items": len(self.vectors),
            "group": self.pattern,
            "groups": self.groups,
            "own": self.encoder is None,
        }
        (folder / "reference.json").write_text(json.dumps(note, ensure_ascii=False) + "\n", encoding="utf-8")
        seal(folder)
        if self.source is not None:
            (folder / "encoder").mkdir()
            for part in self.source.iterdir():
                if part.is_file():
                    shutil.copyfile(part, folder / "encoder" / part.name)

    @classmethod
    def load(cls, folder: Path) -> Reference | None:
        """Read a reference; None if the model has none, as one of an earlier version.

        Raises:
            HeadError: The reference is damaged, or of a newer version.
        """
        if not folder.is_dir():
            return None
        try:
            check_seal(folder, every=True)
            note = json.loads((folder / "reference.json").read_text(encoding="utf-8"))
            version, pattern, groups = note["format"], note["group"], note["groups"]
            if version != FORMAT:
                raise HeadError(
                    f"the reference in {folder} has format {version}, not {FORMAT}", hint="update activessl"
                )
            vectors = read_array(folder / "vectors.npy")
            if vectors.ndim != 2 or not len(vectors) or not np.isfinite(vectors).all():
                raise ValueError("no finite vectors")
            if pattern is not None:
                group_pattern(pattern)
            names = None if groups is None else tuple(map(str, groups))
            if names is not None and len(names) != len(vectors):
                raise ValueError("groups do not fit the vectors")
            encoder = None if note["own"] else load_encoder(folder / "encoder")
        except HeadError:
            raise
        except (OSError, ValueError, KeyError, TypeError, RecursionError, re.error, EncoderError):
            raise HeadError(
                f"the reference sample in {folder} is damaged", hint="run `activessl export model` again"
            ) from None
        return cls(vectors, names, pattern, encoder, None if encoder is None else folder / "encoder")
