"""Shards: the vectors of blocks of items, each written once, by whichever process encodes the block.

A block is encoded as a whole or not at all. Its name is a digest of all that decides its vectors: the encoder, the
items with their contents, the size of a mini-batch and the versions of the libraries. The file of its vectors has the
digest of its bytes in its name, too, and is moved into place when complete. A file whose bytes have another digest than
its name is deleted, and its block counts as not encoded.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import secrets
import socket
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from activessl.encoders.base import Encoder
from activessl.pool.addresses import Place
from activessl.pool.axes import Axes
from activessl.pool.pool import Item, Modality, Pool
from activessl.pool.recordings.cut import Cut
from activessl.sealed import beside, sync

__all__ = ["BLOCK", "Block", "Job", "Journal", "Shards", "blocks_of", "shards_folder"]

#: Items of a block: a multiple of the mini-batch of 256, so that its vectors are those of an encoding without blocks.
BLOCK = 2048


@dataclass(frozen=True)
class Job:
    """What a worker must know to encode blocks; paths are those of a disk that all machines share.

    Attributes:
        encoder: The folder of the saved encoder, ``encoders/<fingerprint>``.
        fingerprint: Its fingerprint.
        dim: The length of its vectors.
        data: The folder or file of the items.
        modality: The form of data to read there.
        axes: The channels and the time step with which series are read.
        shards: The folder of the shards.
        batch_size: Items in a mini-batch.
        versions: Versions of what computes the vectors, which a worker must have, too.
        cut: How recordings are cut into the items; None if files are the items.
    """

    encoder: Path
    fingerprint: str
    dim: int
    data: Place
    modality: Modality
    axes: Axes
    shards: Path
    batch_size: int
    versions: Mapping[str, str]
    cut: Cut | None = None

    @classmethod
    def of(
        cls, encoder: Encoder, pool: Pool, encoders: Path, folder: Path, batch_size: int, versions: Mapping[str, str]
    ) -> Job:
        """The job of encoding a pool.

        Args:
            encoder: The encoder.
            pool: The items.
            encoders: The folder of all encoders.
            folder: The folder of the embeddings, ``embeddings/<fingerprint>``.
            batch_size: Items in a mini-batch.
            versions: The versions that workers must have.
        """
        return cls(
            encoder=(encoders / encoder.fingerprint).resolve(),
            fingerprint=encoder.fingerprint,
            dim=encoder.dim,
            data=pool.source.location.resolve(),
            modality=pool.modality,
            axes=pool.axes,
            shards=shards_folder(folder).resolve(),
            batch_size=batch_size,
            versions=dict(versions),
            cut=getattr(pool.source, "cut", None),
        )


@dataclass(frozen=True)
class Block:
    """Items that one worker encodes together.

    Attributes:
        digest: The name of the block, 32 hex digits.
        start: The row of the first item, among those to encode.
        items: The items, in the order of the pool.
    """

    digest: str
    start: int
    items: tuple[Item, ...]

    def __len__(self) -> int:
        return len(self.items)


def shards_folder(folder: Path) -> Path:
    """The folder of the shards of embeddings that are not complete yet.

    Example:
        >>> shards_folder(Path("embeddings/0123")).as_posix()
        'embeddings/0123.shards'
    """
    return folder.with_name(f"{folder.name}.shards")


def blocks_of(job: Job, items: Sequence[Item], size: int = BLOCK) -> list[Block]:
    """Divide items into blocks, in order; the same items with the same job are divided into the same blocks.

    Args:
        job: The job.
        items: The items.
        size: Items of a block, >= 1; the last block is smaller.
    """
    decides = [job.fingerprint, job.batch_size, dict(job.versions), job.axes.to_json()]
    head = json.dumps(decides, sort_keys=True).encode()
    found = []
    for start in range(0, len(items), size):
        part = tuple(items[start : start + size])
        digest = hashlib.sha256(head)
        for item in part:
            digest.update("\x1f".join((item.id, item.sha256, *item.remarks)).encode() + b"\x1e")
        found.append(Block(digest.hexdigest()[:32], start, part))
    return found


@dataclass(frozen=True)
class Shards:
    """A folder of shards.

    Args:
        folder: The folder; made at the first ``write``.
    """

    folder: Path

    def write(self, block: Block, vectors: Float[np.ndarray, "b d"]) -> str:
        """Write the vectors of a block and return the name of the file; the same vectors are one file.

        Raises:
            OSError: The folder cannot be written.
        """
        buffer = io.BytesIO()
        np.save(buffer, np.ascontiguousarray(vectors, dtype=np.float32), allow_pickle=False)
        content = buffer.getvalue()
        path = self.folder / f"{block.digest}.{hashlib.sha256(content).hexdigest()[:32]}.npy"
        self.folder.mkdir(parents=True, exist_ok=True)
        part = beside(path)
        try:
            part.write_bytes(content)
            sync(part)
            part.replace(path)
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)
        return path.name

    def written(self) -> dict[str, list[Path]]:
        """The files of each block that has any, without reading them."""
        found: dict[str, list[Path]] = {}
        if self.folder.is_dir():
            for path in sorted(self.folder.glob("[0-9a-f]*.*.npy")):
                found.setdefault(path.name.partition(".")[0], []).append(path)
        return found

    def read(self, block: Block, dim: int) -> tuple[Float[np.ndarray, "b d"] | None, list[str]]:
        """Return the vectors of a block, None without any, and the names of files that were damaged and are deleted."""
        return self.read_files(sorted(self.folder.glob(f"{block.digest}.*.npy")), len(block), dim)

    @staticmethod
    def read_files(paths: Sequence[Path], n: int, dim: int) -> tuple[Float[np.ndarray, "n d"] | None, list[str]]:
        """Return the (n, dim) vectors in the first file that is whole, and the names of the damaged ones before it."""
        damaged: list[str] = []
        for path in paths:
            with suppress(OSError, ValueError, EOFError):
                content = path.read_bytes()
                if path.name.split(".")[1] == hashlib.sha256(content).hexdigest()[:32]:
                    vectors = np.load(io.BytesIO(content), allow_pickle=False)
                    if vectors.shape == (n, dim) and vectors.dtype == np.float32 and np.isfinite(vectors).all():
                        return vectors, damaged
            damaged.append(path.name)
            with suppress(OSError):
                path.unlink(missing_ok=True)
        return None, damaged


@dataclass(frozen=True)
class Journal:
    """What each worker has begun, a line a block: so it is known what was encoded twice after a worker ended.

    Args:
        folder: The folder of the shards.
    """

    folder: Path

    def own(self) -> Path:
        """A new file for this process."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / f"begun.{socket.gethostname()}.{os.getpid()}.{secrets.token_hex(4)}.txt"

    @staticmethod
    def begin(file: Path, block: Block) -> None:
        """Write that a block is begun.

        Raises:
            OSError: The file cannot be written.
        """
        with file.open("a", encoding="ascii") as out:
            out.write(f"{block.digest}\n")

    def begun(self) -> Counter[str]:
        """How often each block was begun, in all calls since the embeddings were last complete."""
        found: Counter[str] = Counter()
        if self.folder.is_dir():
            for file in self.folder.glob("begun.*.txt"):
                with suppress(OSError):
                    found.update(file.read_text(encoding="ascii", errors="replace").split())
        return found
