"""The embeddings of a pool on disk: memory-mapped, checked on loading, and moved into place only when complete."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from filelock import FileLock
from jaxtyping import Float

from activessl.arguments import instance, path
from activessl.encoders.base import Encoder
from activessl.encoders.shards import shards_folder
from activessl.errors import ActiveSSLError, EncoderError
from activessl.geometry.blocks import LARGE, sample_rows
from activessl.pool.axes import UNKNOWN, Axes
from activessl.pool.pool import Pool
from activessl.pool.progress import OnProgress, Progress
from activessl.sealed import check_seal, digest_of, read_array, seal, write_atomic

if TYPE_CHECKING:
    from activessl.encoders.executors import Elsewhere

_VECTORS, _IDS, _PROVENANCE = "vectors.npy", "ids.json", "provenance.json"
_ALIVE = "alive.lock"  # held by the process that writes a folder which is not yet in place
_MEAN_ROWS = 50_000
_LEFT = 3600.0  # seconds after which such a folder without a lock counts as abandoned


@dataclass(frozen=True, eq=False)
class Embeddings:
    """One vector per item of a pool.

    Attributes:
        vectors: (n, d) float32, exactly as the encoder returned them; memory-mapped and read-only when loaded.
            Strategies and heads expect ``unit(vectors)``.
        ids: (n,) row *i* belongs to item ``ids[i]``.
        fingerprint: The fingerprint of the encoder.
        provenance: The provenance of the encoder, with the seconds and the counts of the embedding.
        digests: (n,) the content hashes of the items at the time of encoding.
        axes: The channels and the time step with which series were read.
    """

    vectors: Float[np.ndarray, "n d"]
    ids: tuple[str, ...]
    fingerprint: str
    provenance: dict[str, Any]
    digests: tuple[str, ...]
    axes: Axes = UNKNOWN

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def mean(self) -> Float[np.ndarray, " d"]:
        """The mean that ``unit`` subtracts, in float64: a float32 sum of a million values would be off by a percent.

        In a large pool it is that of rows drawn at random, always the same: its error is below half a percent of the
        spread, and every verb would wait for all vectors from the disk.
        """
        if len(self.vectors) > LARGE:
            some = sample_rows(len(self.vectors), _MEAN_ROWS, np.random.default_rng(0))
            return np.asarray(np.mean(self.vectors[some], axis=0, dtype=np.float64))
        return np.asarray(np.mean(self.vectors, axis=0, dtype=np.float64))

    def fits(self, pool: Pool) -> bool:
        """Whether row *i* is the vector of row *i* of the pool, with its present content."""
        return self.ids == pool.ids and self.digests == tuple(item.sha256 for item in pool.items)

    @classmethod
    def load(cls, folder: Path) -> Embeddings:
        """Open the vectors in a folder.

        Raises:
            EncoderError: The folder holds no embeddings, or the files do not match each other.
        """
        folder = Path(folder)
        hint = "delete the folder and run `activessl encode` again"
        if not folder.is_dir() or forgot_vectors(folder):
            raise EncoderError(f"no embeddings in {folder}", hint="run `activessl encode` first")
        try:
            sealed = check_seal(folder)
            note = json.loads((folder / _PROVENANCE).read_text(encoding="utf-8"))
            raw = (folder / _IDS).read_bytes()
            listed = json.loads(raw)
            vectors = read_array(folder / _VECTORS, mmap_mode="r")
            ids, digests = tuple(listed["ids"]), tuple(listed["digests"])
            n, d, ids_digest, fingerprint = note["n"], note["d"], note["ids_sha256"], note["fingerprint"]
            axes = Axes.of_json(note.get("axes", {}), len(note.get("axes", {}).get("channels", ())))
            told = note["encoder"] | {"embedding": note["embedding"]}
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise EncoderError(f"damaged embeddings in {folder}: {error}", hint=hint) from None
        if vectors.shape != (n, d) or vectors.dtype != np.float32 or len(ids) != n or len(digests) != n:
            raise EncoderError(
                f"damaged embeddings in {folder}: {vectors.shape} {vectors.dtype} with {len(ids)} ids and "
                f"{len(digests)} digests, expected {(n, d)} float32",
                hint=hint,
            )
        if hashlib.sha256(raw).hexdigest() != ids_digest:
            raise EncoderError(f"the ids in {folder} do not match their checksum", hint=hint)
        if not sealed and not all(np.isfinite(vectors[i : i + 65536]).all() for i in range(0, n, 65536)):
            raise EncoderError(f"damaged embeddings in {folder}: not all vectors are finite", hint=hint)
        return cls(vectors, ids, fingerprint, told, digests, axes)


def contents_of(folder: Path) -> dict[str, str] | None:
    """Return the content hash of each item that was embedded, also if the vectors are damaged; None if it is not known.

    Example:
        >>> contents_of(Path("nowhere")) is None
        True
    """
    try:
        note = json.loads((folder / _PROVENANCE).read_text(encoding="utf-8"))
        raw = (folder / _IDS).read_bytes()
        if hashlib.sha256(raw).hexdigest() != note["ids_sha256"]:
            return None
        listed = json.loads(raw)
        return dict(zip(listed["ids"], listed["digests"], strict=True))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def embedded_alike(folder: Path, pool: Pool) -> bool:
    """Whether a folder holds the embeddings of exactly these items with these contents, also if files are damaged."""
    listing = _listing(pool)
    digest = hashlib.sha256(listing).hexdigest()
    # each of three files tells it
    with suppress(OSError, ValueError):
        if digest_of(folder, _IDS) == digest:
            return True
    with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
        if json.loads((folder / _PROVENANCE).read_text(encoding="utf-8"))["ids_sha256"] == digest:
            return True
    with suppress(OSError):
        return (folder / _IDS).read_bytes() == listing
    return False


def item_files(ids: Sequence[str], digests: Sequence[str], note: Mapping[str, Any]) -> dict[str, bytes]:
    """The files that tell which items a folder is of, by their names; ``contents_of`` reads them.

    Args:
        ids: The items.
        digests: The hash of the content of each.
        note: What else is told beside them.
    """
    listed = json.dumps({"ids": list(ids), "digests": list(digests)}).encode()
    told = {**note, "n": len(ids), "ids_sha256": hashlib.sha256(listed).hexdigest()}
    return {_IDS: listed, _PROVENANCE: json.dumps(told).encode()}


def forget_vectors(folder: Path, item: str) -> None:
    """Delete all vectors in a folder, and the item from its list; the list of the other items stays.

    Raises:
        OSError: The folder cannot be written.
    """
    known = contents_of(folder)
    if known is not None:  # what was there tells later what is new, and what has moved
        kept = {name: digest for name, digest in known.items() if name != item}
        for file, content in item_files(list(kept), list(kept.values()), {}).items():
            write_atomic(folder / file, content)
    for part in folder.iterdir():
        if known is None or part.name not in (_IDS, _PROVENANCE):
            shutil.rmtree(part) if part.is_dir() and not part.is_symlink() else part.unlink()


def forgot_vectors(folder: Path) -> bool:
    """Whether ``forget_vectors`` left a folder as it is: the list of the items alone."""
    try:
        names = {part.name for part in folder.iterdir()}
    except OSError:
        return False
    return _IDS in names and names <= {_IDS, _PROVENANCE}


def stamp(folder: Path) -> str:
    """Return a mark that changes when the embeddings in a folder are rewritten: results with an old mark are stale.

    Raises:
        EncoderError: The folder holds no embeddings.
    """
    try:
        digest = digest_of(folder, _VECTORS)
        if digest is not None:
            return digest
        now = (folder / _VECTORS).stat()
    except (OSError, ValueError):
        raise EncoderError(f"no embeddings in {folder}", hint="run `activessl encode` first") from None
    return f"{now.st_size}-{now.st_mtime_ns}"


def embed(
    encoder: Encoder,
    pool: Pool,
    folder: Path,
    *,
    on_progress: OnProgress | None = None,
    batch_size: int = 256,
    elsewhere: Elsewhere | None = None,
) -> Embeddings:
    """Encode a pool into a folder, or reuse the embeddings that are already there.

    Vectors of unchanged items are copied from an earlier call with the same folder and fingerprint: after the pool has
    grown, only the new items are encoded. The vectors are written beside the folder and moved into place when complete.

    Args:
        encoder: The encoder.
        pool: The items.
        folder: The folder of the embeddings, usually ``embeddings/<fingerprint>``.
        on_progress: Called after each mini-batch, with stage "embed".
        batch_size: Items in a mini-batch.
        elsewhere: Other processes that encode; by default this process. Whatever they have encoded before an
            interruption is not encoded again.

    Raises:
        EncoderError: The encoder returned vectors that are not finite or have a wrong shape, the folder cannot be
            written, or other processes cannot encode.
        PoolError: Other processes cannot read the data.
    """
    instance("encoder", encoder, Encoder)
    instance("pool", pool, Pool)
    folder = path("folder", folder)
    before = _previous(folder, encoder.fingerprint)
    if before is not None and before.fits(pool):
        return before

    # which rows can be copied, and which items are new
    known = {} if before is None else {key: row for row, key in enumerate(zip(before.ids, before.digests, strict=True))}
    keys = [(item.id, item.sha256) for item in pool.items]
    fresh = [row for row, key in enumerate(keys) if key not in known]
    kept = [row for row, key in enumerate(keys) if key in known]

    started = time.perf_counter()
    staging: Path | None = None
    alive: FileLock | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        staging = Path(tempfile.mkdtemp(dir=folder.parent, prefix=_beginning(folder)))
        alive = FileLock(staging / _ALIVE)
        alive.acquire()
        out = _memmap(staging / _VECTORS, len(pool), encoder.dim)
        for start in range(0, len(kept), 65536):
            rows = kept[start : start + 65536]
            if before is not None:  # always true if a row is kept
                out[rows] = before.vectors[[known[keys[row]] for row in rows]]
        told: dict[str, Any] = {}
        part = pool if len(fresh) in (0, len(pool)) else pool.subset(pool.ids[row] for row in fresh)
        if fresh and elsewhere is not None:
            # a slice where all rows are new: a list of rows is as long as the pool
            from activessl.encoders.executors import encode_on  # needed only here

            put = _puts(out, None if part is pool else fresh)
            told = encode_on(elsewhere, encoder, part, folder, put, batch_size=batch_size, on_progress=on_progress)
        elif fresh:
            done = 0
            for batch in _checked(encoder, part, batch_size):
                out[fresh[done : done + len(batch)]] = batch
                done += len(batch)
                if on_progress is not None:
                    on_progress(Progress("embed", done, len(fresh)))
        out.flush()
        del out
        _write_notes(staging, encoder, pool, seconds=time.perf_counter() - started, encoded=len(fresh), told=told)
        alive.release()
        (staging / _ALIVE).unlink(missing_ok=True)
        seal(staging)
        _swap(staging, folder)
        shutil.rmtree(shards_folder(folder), ignore_errors=True)
    except OSError as error:
        if isinstance(error, ActiveSSLError):
            raise
        raise EncoderError(
            f"embeddings cannot be written to {folder.parent}: {error.strerror or error}",
            hint="free disk space, or check the write permission of the folder",
        ) from None
    finally:
        if alive is not None:
            alive.release()
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)
    return Embeddings.load(folder)


def _puts(out: Float[np.ndarray, "n d"], rows: list[int] | None) -> Callable[[int, Float[np.ndarray, "b d"]], None]:
    """Return what writes the vectors of a block to their rows."""

    def put(start: int, vectors: Float[np.ndarray, "b d"]) -> None:
        at = slice(start, start + len(vectors))
        out[at if rows is None else rows[at]] = vectors

    return put


def _beginning(folder: Path) -> str:
    return f".{folder.name[:16]}."


def _sweep(folder: Path) -> None:
    """Remove the staging folders of killed processes, which are as large as the embeddings."""
    for left in folder.parent.glob(f"{_beginning(folder)}*"):
        with suppress(OSError):
            if not (left / _ALIVE).exists():  # just created, about to be moved into place, or abandoned
                if time.time() - left.stat().st_mtime > _LEFT:
                    shutil.rmtree(left, ignore_errors=True)
                continue
            with FileLock(left / _ALIVE, timeout=0):
                shutil.rmtree(left, ignore_errors=True)


def _memmap(path: Path, n: int, d: int) -> np.memmap[Any, np.dtype[np.float32]]:
    return np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(n, d))  # type: ignore[no-untyped-call, no-any-return]


def _previous(folder: Path, fingerprint: str) -> Embeddings | None:
    try:
        found = Embeddings.load(folder)
    except EncoderError:
        return None
    return found if found.fingerprint == fingerprint else None


def _checked(encoder: Encoder, pool: Pool, batch_size: int) -> Iterator[Float[np.ndarray, "b d"]]:
    hint = "report this error to the author of the encoder"
    seen = 0
    for batch in encoder.batches(pool, batch_size):
        seen += len(batch)
        if batch.ndim != 2 or batch.shape[1] != encoder.dim or seen > len(pool):
            raise EncoderError(
                f"encoder {encoder.name!r} returned a batch of shape {batch.shape} and {seen} vectors so far, "
                f"expected {len(pool)} vectors of length {encoder.dim}",
                hint=hint,
            )
        if not np.isfinite(np.sum(batch, dtype=np.float64)):
            raise EncoderError(f"encoder {encoder.name!r} returned NaN or infinity", hint=hint)
        yield batch
    if seen != len(pool):
        raise EncoderError(f"encoder {encoder.name!r} returned {seen} vectors for {len(pool)} items", hint=hint)


def _write_notes(
    folder: Path, encoder: Encoder, pool: Pool, *, seconds: float, encoded: int, told: Mapping[str, Any]
) -> None:
    ids = _listing(pool)
    (folder / _IDS).write_bytes(ids)
    note = {
        "n": len(pool),
        "d": encoder.dim,
        "fingerprint": encoder.fingerprint,
        "ids_sha256": hashlib.sha256(ids).hexdigest(),
        "encoder": encoder.provenance,
        **({"axes": pool.axes.to_json()} if pool.axes.to_json() else {}),
        "embedding": {"seconds": round(seconds, 3), "encoded": encoded, "taken over": len(pool) - encoded, **told},
    }
    (folder / _PROVENANCE).write_text(json.dumps(note, indent=2), encoding="utf-8")


def _listing(pool: Pool) -> bytes:
    return json.dumps({"ids": pool.ids, "digests": [item.sha256 for item in pool.items]}).encode()


def _swap(staging: Path, folder: Path) -> None:
    # a folder cannot be replaced in one step: a reader between the two renames gets the error "no embeddings"
    if folder.exists():
        old = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name[:16]}."))
        folder.rename(old / "old")
        staging.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    else:
        staging.rename(folder)
