from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock

from activessl.encoders.embeddings import Embeddings, embed
from activessl.errors import EncoderError
from activessl.geometry.blocks import LARGE
from activessl.geometry.units import centred_rows
from activessl.pool.pool import Pool
from activessl.pool.progress import Progress
from activessl.pool.sources import load_pool


@dataclass
class Doubler:
    """Doubles vectors and remembers what it was shown."""

    fingerprint: str = "d0"
    name: str = "doubler"
    dim: int = 3
    provenance: dict[str, Any] = field(default_factory=lambda: {"objective": "double"})
    seen: list[str] = field(default_factory=list)
    spoil: str = ""

    def batches(self, pool: Pool, batch_size: int) -> Iterator[np.ndarray]:
        for start in range(0, len(pool), batch_size):
            rows = range(start, min(start + batch_size, len(pool)))
            batch = np.stack([2 * np.asarray(pool.read(row)) for row in rows])
            self.seen += [pool.ids[row] for row in rows]
            if self.spoil == "nan":
                batch[0, 0] = np.nan
            if self.spoil == "crash" and start:
                raise KeyboardInterrupt
            if self.spoil == "full":
                raise OSError(errno.ENOSPC, "no space left on device")
            yield batch[:, :2] if self.spoil == "narrow" else batch
            if self.spoil == "short":
                return


def pool_of(path: Path, vectors: np.ndarray, ids: list[str]) -> Pool:
    np.savez(path, vectors=vectors.astype(np.float32), ids=np.array(ids))
    return load_pool(path)


@pytest.fixture
def pool(tmp_path: Path) -> Pool:
    return pool_of(tmp_path / "v.npz", np.arange(15).reshape(5, 3), list("abcde"))


def test_vectors_are_written_once_and_memory_mapped_in_the_order_of_the_pool(pool: Pool, tmp_path: Path) -> None:
    encoder, told = Doubler(), list[Progress]()
    found = embed(encoder, pool, tmp_path / "e/d0", on_progress=told.append, batch_size=2)
    assert isinstance(found.vectors, np.memmap)
    assert found.vectors.dtype == np.float32
    assert np.array_equal(found.vectors, 2 * np.arange(15).reshape(5, 3))
    assert (found.ids, found.fingerprint, found.fits(pool)) == (pool.ids, "d0", True)
    assert [step.done for step in told] == [2, 4, 5]
    embed(encoder, pool, tmp_path / "e/d0")
    assert len(encoder.seen) == 5
    assert sorted(path.name for path in (tmp_path / "e").iterdir()) == ["d0"]


def test_of_a_pool_that_has_changed_only_what_is_new_is_encoded(pool: Pool, tmp_path: Path) -> None:
    folder = tmp_path / "e"
    embed(Doubler(), pool, folder)
    vectors = np.arange(15).reshape(5, 3)[[4, 0, 1, 2, 3]].astype(np.float64)
    vectors[2] += 100  # "b" has another content now
    changed = pool_of(tmp_path / "w.npz", np.vstack([vectors, np.ones((1, 3))]), ["e", "a", "b", "c", "d", "new"])
    encoder = Doubler()
    found = embed(encoder, changed, folder)
    assert encoder.seen == ["b", "new"]
    assert np.array_equal(found.vectors, 2 * np.vstack([vectors, np.ones((1, 3))]))
    assert found.provenance["embedding"]["taken over"] == 4


def test_another_encoder_does_not_take_over_vectors(pool: Pool, tmp_path: Path) -> None:
    embed(Doubler(), pool, tmp_path / "e")
    other = Doubler(fingerprint="d1")
    embed(other, pool, tmp_path / "e")
    assert len(other.seen) == 5


@pytest.mark.parametrize("spoil", ["nan", "narrow", "short", "full"])
def test_an_encoder_that_misbehaves_or_a_full_disk_is_an_error_and_leaves_nothing(
    pool: Pool, tmp_path: Path, spoil: str
) -> None:
    with pytest.raises(EncoderError) as caught:
        embed(Doubler(spoil=spoil), pool, tmp_path / "e/d0", batch_size=2)
    assert caught.value.hint
    assert list((tmp_path / "e").iterdir()) == []


def test_an_interrupted_run_leaves_the_earlier_vectors_whole(pool: Pool, tmp_path: Path) -> None:
    embed(Doubler(), pool, tmp_path / "e/d0")
    grown = pool_of(tmp_path / "w.npz", np.arange(30).reshape(10, 3), list("abcdefghij"))
    with pytest.raises(KeyboardInterrupt):
        embed(Doubler(spoil="crash"), grown, tmp_path / "e/d0", batch_size=2)
    assert Embeddings.load(tmp_path / "e/d0").fits(pool)


@pytest.mark.parametrize("damage", ["vectors", "ids", "swapped", "note", "missing"])
def test_damaged_vectors_are_never_read_but_made_again(pool: Pool, tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "e"
    embed(Doubler(), pool, folder)
    if damage == "vectors":
        (folder / "vectors.npy").write_bytes((folder / "vectors.npy").read_bytes()[:-4])
    elif damage == "ids":
        (folder / "ids.json").write_text("{}")
    elif damage == "swapped":
        text = (folder / "ids.json").read_text()
        (folder / "ids.json").write_text(text.replace('"a", "b"', '"b", "a"'))
    elif damage == "note":
        (folder / "provenance.json").write_text("[")
    else:
        (folder / "vectors.npy").unlink()
    with pytest.raises(EncoderError):
        Embeddings.load(folder)
    assert embed(Doubler(), pool, folder).fits(pool)


def test_embeddings_that_are_not_there_are_an_error_that_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="no embeddings") as caught:
        Embeddings.load(tmp_path / "none")
    assert "activessl encode" in caught.value.hint


def test_unit_vectors_are_centred_and_a_row_at_the_mean_stays_finite() -> None:
    rows = np.array([[1.0, 2.0], [3.0, 4.0], [2.0, 3.0]])
    assert np.allclose(np.linalg.norm(centred_rows(rows), axis=1), [1, 1, 0])
    assert np.isfinite(centred_rows(np.ones((3, 2)))).all()


def test_the_mean_of_a_large_pool_is_that_on_which_the_pool_itself_is_centred() -> None:
    # numbers far from zero beside their spread: a running sum of float32 is rounded upwards again and again
    rng = np.random.default_rng(0)
    vectors = (0.1 + 0.002 * rng.standard_normal((1_000_000, 2))).astype(np.float32)
    pool = Embeddings(vectors[:LARGE], ("a",), "f", {}, ("d",))
    np.testing.assert_allclose(pool.mean, 0.1, rtol=1e-4)
    np.testing.assert_array_equal(centred_rows(vectors[:9], pool.mean), centred_rows(vectors[:LARGE])[:9])
    # above, the mean is that of a part of the rows, always the same, near that of all
    larger = Embeddings(vectors, ("a",), "f", {}, ("d",))
    np.testing.assert_allclose(larger.mean, 0.1, atol=0.02 * 0.002)
    np.testing.assert_array_equal(larger.mean, Embeddings(vectors, ("a",), "f", {}, ("d",)).mean)


def test_what_a_killed_process_left_goes_with_the_next_encoding_and_a_living_ones_stays(
    pool: Pool, tmp_path: Path
) -> None:
    left = {name: tmp_path / "e" / f".d0.{name}" for name in ("killed", "alive", "new", "old")}
    for folder in left.values():
        folder.mkdir(parents=True)
        (folder / "vectors.npy").write_bytes(b"many")
    (left["killed"] / "alive.lock").touch()
    os.utime(left["old"], (0, 0))
    with FileLock(left["alive"] / "alive.lock"):
        embed(Doubler(), pool, tmp_path / "e/d0")
        assert {name for name, folder in left.items() if folder.exists()} == {"alive", "new"}
    assert sorted(p.name for p in (tmp_path / "e/d0").iterdir()) == [
        "ids.json",
        "provenance.json",
        "seal.json",
        "vectors.npy",
    ]
