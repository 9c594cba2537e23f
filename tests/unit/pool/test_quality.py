from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activessl.errors import QueryError
from activessl.geometry.duplicates import near_duplicates
from activessl.pool.checks.base import Check, Finding, Material, run_checks
from activessl.pool.checks.content import is_blank
from activessl.pool.checks.copies import exact_duplicates
from activessl.pool.checks.sizes import odd_sizes
from activessl.pool.quality import check_pool
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
    vectors = images.reshape(6, -1).astype(np.float32)
    quality = check_pool(Material(pool, vectors, near_duplicates(vectors)))
    assert {name: found for name, found in quality.findings.items() if found} == {
        "exact_duplicate": (Finding("p:3", "like p:1", of="p:1"),),
        "near_duplicate": (Finding("p:5", "like p:0", of="p:0"),),
        "blank": (Finding("p:4"),),
    }
    said = json.loads(json.dumps(quality.to_json(), allow_nan=False))
    copies = next(one for one in said["findings"] if one["kind"] == "exact_duplicate")
    assert (copies["items"], copies["of"], copies["why"]) == (["p:3"], ["p:1"], ["like p:1"])
    assert {"unreadable", "near_duplicate", "tiny", "odd_size"} <= set(said["checked"])


def test_items_are_decoded_once_for_all_checks_of_their_content(tmp_path: Path) -> None:
    np.savez(tmp_path / "v.npz", vectors=np.eye(4))
    pool, looked = load_pool(tmp_path / "v.npz"), []

    def look(media: object) -> str | None:
        looked.append(id(media))
        return "first" if len(looked) == 1 else None

    found = run_checks(Material(pool), [Check("a", "odd", look=look), Check("b", "odd", look=look)])
    assert found == {"a": (Finding("v:0", "first"),), "b": ()}
    assert looked[::2] == looked[1::2]


def test_sizes_of_a_vector_pool_are_never_odd(tmp_path: Path) -> None:
    np.savez(tmp_path / "v.npz", vectors=np.eye(4))
    assert not any(check_pool(Material(load_pool(tmp_path / "v.npz"))).findings.values())


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
