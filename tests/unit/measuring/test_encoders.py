"""Comparing encoders on a pool."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from activessl.encoders.views import varied
from activessl.errors import EncoderError, MeasureError
from activessl.measuring.intervals import share_interval
from activessl.measuring.quality import encoders
from activessl.measuring.quality.encoders import compare_encoders, recognised_share
from activessl.pool.pool import Pool
from activessl.pool.progress import Progress
from activessl.pool.sources import load_pool


def stripes(folder: Path, n: int = 60) -> Pool:
    """Images of upright and level stripes, at random places and of random width."""
    rng = np.random.default_rng(0)
    waves = np.stack([np.sin(np.arange(24) / rng.uniform(1, 3) + rng.uniform(0, 6)) for _ in range(n)])
    images = np.repeat(waves[:, None, :], 24, axis=1)
    images[1::2] = images[1::2].transpose(0, 2, 1)
    noisy = np.clip(127 + 90 * images + rng.normal(0, 10, images.shape), 0, 255).astype(np.uint8)
    np.savez(folder / "stripes.npz", images=noisy)
    return load_pool(folder / "stripes.npz")


def test_encoders_come_in_the_order_of_what_the_labels_say(tmp_path: Path) -> None:
    pool = stripes(tmp_path)
    labels = {item: i % 2 for i, item in enumerate(pool.ids[:40])}
    told: list[Progress] = []
    asked = [("pixels", {}), ("patches", {"centroids": 20})]
    found = compare_encoders(pool, asked, labels=labels, drawn=pool.ids[:40], n_classes=2, on_progress=told.append)
    best, other = found
    stages = [f"compare {name}" for name in ("pixels", "pixels", "patches", "patches")]
    assert [(one.stage, one.done, one.total) for one in told] == list(zip(stages, (0, 1, 0, 1), (1,) * 4, strict=True))
    assert best.encoder == "patches"
    assert best.accuracy is not None and other.accuracy is not None
    assert best.accuracy >= other.accuracy
    assert best.low is not None and best.high is not None
    assert best.low < best.accuracy <= best.high
    assert best.labels == 40
    assert 1 <= best.rank <= best.dim
    assert best.behind is None and other.behind is not None
    assert other.behind[0] < best.accuracy - other.accuracy < other.behind[1]


def test_accuracy_is_on_random_labels_and_all_labels_teach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = stripes(tmp_path)
    labels = {item: i % 2 for i, item in enumerate(pool.ids[:40])}
    drawn = pool.ids[5:17]
    taught = []

    def right(x, y, n_classes, seed):
        taught.append(len(y))
        return np.array([item not in drawn[:3] for item in pool.ids[:40]])  # the others are all right

    monkeypatch.setattr(encoders, "left_out_right", right)
    found = compare_encoders(pool, [("pixels", {})], labels=labels, drawn=drawn, n_classes=2)[0]
    assert taught == [40] and found.labels == 12 and found.accuracy == 9 / 12
    assert (found.low, found.high) == share_interval(9, 12)
    few = compare_encoders(pool, [("pixels", {})], labels=labels, drawn=drawn[:9], n_classes=2)[0]
    assert few.accuracy is None and few.labels == 0


def test_without_labels_no_accuracy_is_stated_and_recognition_decides(tmp_path: Path) -> None:
    found = compare_encoders(stripes(tmp_path), [("pixels", {}), ("patches", {"centroids": 20})])
    assert [one.accuracy for one in found] == [None, None]
    shares = [one.recognised for one in found]
    assert shares == sorted(shares, key=lambda share: -(share or 0.0))


def test_an_encoder_that_cannot_be_tried_does_not_stop_the_others(tmp_path: Path) -> None:
    found = compare_encoders(stripes(tmp_path), [("backbone", {"model": str(tmp_path)}), ("pixels", {})])
    assert [one.encoder for one in found] == ["pixels", "backbone"]
    assert "cannot be opened" in found[1].why


def test_the_same_seed_gives_the_same_figures(tmp_path: Path) -> None:
    pool = stripes(tmp_path)
    a, b = (compare_encoders(pool, [("pixels", {})], seed=3, items=30)[0] for _ in range(2))
    assert (a.rank, a.recognised) == (b.rank, b.recognised)


def test_nothing_to_compare_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MeasureError, match="no encoder"):
        compare_encoders(stripes(tmp_path), [])
    with pytest.raises(MeasureError, match="too small"):
        compare_encoders(stripes(tmp_path, 4), [("pixels", {})])


def test_a_collapsed_encoder_recognises_nothing() -> None:
    assert recognised_share(np.ones((5, 3)), np.ones((5, 3))) == 0.0


@pytest.mark.parametrize("modality", ["image", "series", "audio", "text"])
def test_views_differ_from_their_items_and_are_the_same_again(tmp_path: Path, modality: str) -> None:
    rng = np.random.default_rng(0)
    if modality == "text":
        pq.write_table(
            pa.table({"text": ["one two three four five six seven eight nine ten"] * 8}), tmp_path / "t.parquet"
        )
        pool = load_pool(tmp_path / "t.parquet")
    else:
        arrays = {
            "image": {"images": rng.integers(0, 255, (8, 20, 20, 3), dtype=np.uint8)},
            "series": {"X": rng.normal(size=(8, 2, 30))},
            "audio": {
                "data": rng.integers(-9000, 9000, 8 * 1000, dtype=np.int16),
                "offsets": np.arange(9) * 1000,
                "sample_rate": np.array(8000),
            },
        }[modality]
        np.savez(tmp_path / "x.npz", **arrays)
        pool = load_pool(tmp_path / "x.npz")
    first, again, other = varied(pool, 1), varied(pool, 1), varied(pool, 2)
    assert any(str(first.read(i)) != str(pool.read(i)) for i in range(8))
    assert all(np.array_equal(np.asarray(first.read(i)), np.asarray(again.read(i))) for i in range(8))
    assert any(str(first.read(i)) != str(other.read(i)) for i in range(8))


def test_vectors_have_no_views(tmp_path: Path) -> None:
    np.savez(tmp_path / "v.npz", vectors=np.eye(12, dtype=np.float32))
    pool = load_pool(tmp_path / "v.npz")
    with pytest.raises(EncoderError, match="views cannot be made"):
        varied(pool)
    assert compare_encoders(pool, [("vectors", {})])[0].recognised is None


def test_encoders_are_compared_on_as_many_items_as_are_asked_for_and_random_labels_come_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = stripes(tmp_path)
    seen = []

    def figures(name, settings, part, rows, y, judged, *rest):
        seen.append((part.ids, [part.ids[i] for i in rows], y.tolist(), judged.tolist()))
        return encoders.Compared(name, rank=1.0), None

    monkeypatch.setattr(encoders, "_figures", figures)
    labels = {item: i % 3 for i, item in enumerate(pool.ids[:30])}
    compare_encoders(pool, [("pixels", {})], labels=labels, drawn=pool.ids[20:28], n_classes=3, items=25)
    ((ids, known, y, judged),) = seen
    assert len(ids) == len(set(ids)) == 50 and len(known) == 25
    assert [item for item, fair in zip(known, judged, strict=True) if fair] == list(pool.ids[20:28])
    assert y == [labels[item] for item in known]


def test_the_order_is_by_accuracy_then_recognition_then_rank() -> None:
    def order(*found: encoders.Compared) -> list[str]:
        return [one.encoder for one in sorted(found, key=encoders._order(found))]

    made = encoders.Compared
    one, other = made("a", recognised=0.9, accuracy=0.5, rank=1), made("b", recognised=0.1, accuracy=0.8, rank=2)
    assert order(one, other) == ["b", "a"]
    assert order(one, made("c", recognised=0.95, rank=3)) == ["c", "a"]  # one of them has no accuracy
    assert order(one, made("d", rank=3)) == ["d", "a"]
    assert order(made("e", why="missing"), one) == ["a", "e"]


def test_the_share_recognised_is_counted_over_all_blocks_of_items() -> None:
    x = np.random.default_rng(0).normal(size=(1500, 12)).astype(np.float32)
    seen = x.copy()
    swapped = np.array([3, 700, 1100, 1400])
    seen[swapped] = x[np.roll(swapped, 1)]
    assert recognised_share(x, seen) == pytest.approx(1 - 4 / 1500)
