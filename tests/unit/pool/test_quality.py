from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activessl.errors import QueryError
from activessl.geometry.duplicates import near_duplicates
from activessl.pool.quality import check_pool, exact_duplicates, is_blank, odd_sizes
from activessl.pool.sources import load_pool


def test_a_pool_is_checked_without_labels_and_the_findings_are_json(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (6, 9, 9), dtype=np.uint8)
    images[3] = images[1]
    images[4] = 7
    images[5] = images[0]
    images[5, 0, 0] ^= 1
    np.savez(tmp_path / "p.npz", images=images)
    pool = load_pool(tmp_path / "p.npz")
    quality = check_pool(pool, near=near_duplicates(images.reshape(6, -1).astype(np.float32)))
    assert quality.duplicates == (("p:1", "p:3"),)
    assert quality.near_duplicates == (("p:0", "p:5"),)
    assert quality.blank == ("p:4",)
    assert (quality.tiny, quality.odd, quality.copies) == ((), (), 1)
    assert json.loads(json.dumps(quality.to_json(), allow_nan=False))["copies"] == 1
    assert check_pool(pool, look=False).blank == ()


def test_sizes_of_a_vector_pool_are_never_odd(tmp_path: Path) -> None:
    np.savez(tmp_path / "v.npz", vectors=np.eye(4))
    quality = check_pool(load_pool(tmp_path / "v.npz"))
    assert (quality.odd, quality.blank, quality.tiny) == ((), (), ())


def test_missing_values_do_not_hide_a_blank_series() -> None:
    assert is_blank(np.array([[1.0, np.nan, 1.0]]))
    assert not is_blank(np.array([[1.0, np.nan, 2.0]]))


def test_a_chain_of_near_duplicates_is_one_group() -> None:
    angle = np.arange(0, 40) * 0.05
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    vectors = np.concatenate([ring, -ring])  # mean zero
    assert [len(group) for group in near_duplicates(vectors, threshold=0.998)] == [40, 40]


def test_a_threshold_out_of_range_is_refused() -> None:
    for threshold, neighbours in ((1.1, 5), (0.9, 0)):
        with pytest.raises(QueryError):
            near_duplicates(np.eye(3), threshold=threshold, neighbours=neighbours)


def test_one_item_has_no_duplicate_and_identical_items_are_not_nan() -> None:
    assert near_duplicates(np.ones((1, 3))) == []
    assert near_duplicates(np.ones((4, 3))) == []  # all at the mean: no direction
    assert odd_sizes([]).tolist() == []


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 30))
def test_reordering_the_items_reorders_the_groups(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n, 3))
    vectors[n // 2] = vectors[0]
    order = rng.permutation(n)

    def groups(found: list[list[int]]) -> set[frozenset[int]]:
        return {frozenset(group) for group in found}

    original = groups(near_duplicates(vectors, threshold=0.99))
    permuted = groups([[int(order[row]) for row in g] for g in near_duplicates(vectors[order], threshold=0.99)])
    assert original == permuted
    digests = [str(i % 5) for i in range(n)]
    assert groups(exact_duplicates(digests)) == groups(
        [[int(order[row]) for row in g] for g in exact_duplicates([digests[i] for i in order])]
    )
