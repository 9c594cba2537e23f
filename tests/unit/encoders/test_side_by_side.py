from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from activessl.encoders import side_by_side
from activessl.encoders.images import choose_input
from activessl.encoders.regions import averages, means_by_region
from activessl.encoders.side_by_side import computed, decoded, in_order
from activessl.errors import PoolError
from activessl.pool.decode import encode_png
from activessl.pool.sources import load_pool


def test_results_come_in_order_whatever_takes_how_long() -> None:
    def slow_first(x: int) -> int:
        time.sleep(0.02 if x % 3 == 0 else 0.0)
        return 10 * x

    batches = [[0, 1, 2], [3], [4, 5]]
    assert list(in_order(batches, slow_first, workers=3)) == [[0, 10, 20], [30], [40, 50]]


def test_no_more_than_two_batches_are_taken_before_the_first_is_used() -> None:
    taken: list[int] = []

    def batches():  # type: ignore[no-untyped-def]
        for i in range(9):
            taken.append(i)
            yield [i]

    for seen, _ in enumerate(in_order(batches(), lambda x: x, workers=4)):
        assert len(taken) <= seen + 2


def test_a_reader_that_stops_and_a_part_that_fails_leave_no_thread_behind() -> None:
    def fail(x: int) -> int:
        if x == 2:
            raise PoolError("broken", hint="mend it")
        return x

    before = threading.active_count()
    with pytest.raises(PoolError, match="broken"):
        list(in_order(([i, i] for i in range(50)), fail, workers=2))
    some = in_order(([i] for i in range(50)), lambda x: x, workers=2)
    assert next(some) == [0]
    some.close()
    assert threading.active_count() == before


def test_each_part_is_computed_by_one_thread_and_the_program_keeps_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        seen: set[tuple[int, int]] = set()
        hold = threading.Barrier(3, timeout=30)  # until three threads have begun

        def compute(items: torch.Tensor) -> torch.Tensor:
            hold.wait()
            seen.add((threading.get_ident(), torch.get_num_threads()))
            return items * 2

        given = torch.arange(24.0).view(12, 2)
        found = computed(given.split(6), compute, 2, torch.device("cpu"))
        assert torch.equal(torch.cat(list(found)), given * 2)
        assert len(seen) == 3
        assert {count for _, count in seen} == {1}
        assert torch.get_num_threads() == 3

        # where torch cannot set them, it divides every operation as it likes
        monkeypatch.setattr(side_by_side, "_settable", lambda: False)
        seen.clear()
        hold.reset()
        monkeypatch.setattr(hold, "wait", lambda: 0)
        list(computed(given.split(6), compute, 2, torch.device("cpu")))
        assert seen == {(threading.get_ident(), 3)}
    finally:
        torch.set_num_threads(threads)


def test_large_pictures_are_decoded_by_several_threads_into_what_one_thread_makes_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 255, (420, 330, 1), dtype=np.uint8) for _ in range(70)]
    table = pa.table({"image": [encode_png(picture) for picture in pictures]})
    pq.write_table(table, tmp_path / "p.parquet", row_group_size=6)  # more of them than are kept
    pool = load_pool(tmp_path / "p.parquet")
    image = choose_input(pool)
    used: set[int] = set()
    decode = pool.source.read

    def noted(item_id: str) -> object:
        used.add(threading.get_ident())
        return decode(item_id)

    monkeypatch.setattr(pool.source, "read", noted)
    monkeypatch.setattr(side_by_side, "processors", lambda: 4)
    batches = list(image.batches(pool, 32))
    assert [len(batch) for batch in batches] == [32, 32, 6]
    assert len(used) > 1
    assert np.array_equal(torch.cat(batches).numpy(), np.stack([image.tensor(picture) for picture in pictures]))


def test_small_pictures_are_decoded_by_one_thread_and_a_broken_one_is_said(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", images=np.zeros((40, 9, 9), np.uint8))
    pool, used = load_pool(tmp_path / "x.npz"), set[int]()

    def make(rows: range) -> torch.Tensor:
        used.add(threading.get_ident())
        return torch.tensor(list(rows))

    assert torch.cat(list(decoded(make, pool, 17))).tolist() == list(range(40))
    assert len(used) == 1

    (tmp_path / "pictures").mkdir()
    for i in range(3):
        (tmp_path / "pictures" / f"{i}.png").write_bytes(encode_png(np.zeros((9, 9, 1), np.uint8)))
    gone = load_pool(tmp_path / "pictures")
    (tmp_path / "pictures" / "1.png").unlink()
    with pytest.raises(PoolError, match=r"1\.png cannot be read"):
        list(choose_input(gone).batches(gone, 2))


@pytest.mark.parametrize("size", [4, 7, 25])
@pytest.mark.parametrize("grid", [1, 2, 4])
def test_regions_as_products_are_those_that_torch_pools(size: int, grid: int) -> None:
    maps = torch.randn(2, 3, size, size + 2, generator=torch.Generator().manual_seed(0))
    pooled = averages(size, grid) @ maps @ averages(size + 2, grid).T  # as a GPU does it
    assert torch.allclose(means_by_region(maps, grid), pooled, atol=1e-6)
