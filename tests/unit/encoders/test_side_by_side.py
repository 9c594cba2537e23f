from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from activessl.encoders.compute import side_by_side
from activessl.encoders.compute.side_by_side import computed, decoded, in_order
from activessl.encoders.images.regions import as_products, means_by_region
from activessl.encoders.images.tensors import choose_input
from activessl.errors import EncoderError, PoolError
from activessl.pool.decoders.decode import encode_png
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

    before = set(threading.enumerate())
    with pytest.raises(PoolError, match="broken"):
        list(in_order(([i, i] for i in range(50)), fail, workers=2))
    some = in_order(([i] for i in range(50)), lambda x: x, workers=2)
    assert next(some) == [0]
    some.close()
    assert set(threading.enumerate()) <= before


def test_each_part_is_computed_by_one_thread_and_the_program_keeps_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    if not side_by_side._settable():
        pytest.skip("torch sets the number of threads once for all here")
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


def test_threads_that_begin_after_a_part_failed_are_not_left_with_one() -> None:
    if not side_by_side._settable():
        pytest.skip("torch sets the number of threads once for all here")
    threads, later = torch.get_num_threads(), list[int]()
    torch.set_num_threads(3)

    def fail(items: torch.Tensor) -> torch.Tensor:
        raise PoolError("broken", hint="mend it")

    try:
        with pytest.raises(PoolError):
            list(computed([torch.zeros(9, 1)], fail, 2, torch.device("cpu")))
        another = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
        another.start()
        another.join()
        assert later == [3]
    finally:
        torch.set_num_threads(threads)


@pytest.mark.slow
def test_large_pictures_are_decoded_by_several_threads_into_what_one_thread_makes_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 255, (420, 330, 1), dtype=np.uint8) for _ in range(70)]
    table = pa.table({"image": [encode_png(picture) for picture in pictures]})
    pq.write_table(table, tmp_path / "p.parquet", row_group_size=6)  # more of them than are kept
    pool = load_pool(tmp_path / "p.parquet")
    image = choose_input(pool)
    source: Any = pool.source
    used, opened = set[int](), list[int]()
    reading, together = threading.Lock(), threading.Barrier(2, timeout=30)
    decode, open_group = source.read, source._file.read_row_group

    def noted(item_id: str) -> object:
        if threading.get_ident() not in used:
            used.add(threading.get_ident())
            together.wait()  # for a second thread
        return decode(item_id)

    def alone(group: int, columns: list[str]) -> object:
        assert reading.acquire(blocking=False), "two threads read the file at once"
        try:
            opened.append(group)
            time.sleep(0.002)
            return open_group(group, columns=columns)
        finally:
            reading.release()

    class File:
        read_row_group = staticmethod(alone)

    source._groups.clear()
    monkeypatch.setattr(source, "_file", File)
    monkeypatch.setattr(source, "read", noted)
    monkeypatch.setattr(side_by_side, "processors", lambda: 2)
    batches = list(image.batches(pool, 32))
    assert [len(batch) for batch in batches] == [32, 32, 6]
    assert len(used) == 2
    assert sorted(opened) == list(range(12))  # each once, though two threads are some rows apart
    assert np.array_equal(torch.cat(batches).numpy(), np.stack([image.tensor(picture) for picture in pictures]))


def test_small_pictures_are_decoded_by_one_thread_and_a_broken_one_is_said(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", images=np.zeros((40, 9, 9), np.uint8))
    pool, used = load_pool(tmp_path / "x.npz"), set[int]()

    def make(rows: range) -> torch.Tensor:
        used.add(threading.get_ident())
        time.sleep(0.005)  # long enough for another thread to take the next ones
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
    with torch.inference_mode():
        as_products(maps, grid)
    learning = maps.clone().requires_grad_(True)
    found = as_products(learning, grid)  # as a GPU does it
    found.sum().backward()  # type: ignore[no-untyped-call]
    assert torch.allclose(means_by_region(maps, grid), found, atol=1e-6)
    assert learning.grad is not None


def test_a_part_that_failed_calls_off_the_others_of_its_batch() -> None:
    done: list[int] = []

    def slow(x: int) -> int:
        if x == 0:
            raise PoolError("broken", hint="mend it")
        time.sleep(0.01)
        done.append(x)
        return x

    with pytest.raises(PoolError):
        list(in_order([range(200)], slow, workers=2))
    assert len(done) < 100


def test_where_memory_is_short_parts_are_halved_and_for_one_item_it_is_said() -> None:
    threads, sizes = torch.get_num_threads(), list[int]()
    torch.set_num_threads(1)

    def compute(items: torch.Tensor) -> torch.Tensor:
        sizes.append(len(items))
        if len(items) > fits:
            raise torch.OutOfMemoryError
        return items * 2

    try:
        fits, given = 3, torch.arange(20.0).view(10, 2)
        found = torch.cat(list(computed([given, given], compute, 64, torch.device("cpu"))))
        assert torch.equal(found, torch.cat([given, given]) * 2)
        assert sizes == [10, 5, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2]  # what was found to fit is kept
        fits = 0
        with pytest.raises(EncoderError, match="too small to encode one item"):
            list(computed([given], compute, 64, torch.device("cpu")))
    finally:
        torch.set_num_threads(threads)


def test_few_items_are_shared_among_all_threads_and_many_threads_get_smaller_parts() -> None:
    threads, sizes = torch.get_num_threads(), list[int]()

    def compute(items: torch.Tensor) -> torch.Tensor:
        sizes.append(len(items))
        return items

    try:
        for use, items, most, expected in ((3, 7, 64, [3, 3, 1]), (16, 80, 8, [4] * 20), (3, 20, 4, [4] * 5)):
            torch.set_num_threads(use)
            sizes.clear()
            list(computed([torch.zeros(items, 1)], compute, most, torch.device("cpu")))
            assert sorted(sizes, reverse=True) == expected
    finally:
        torch.set_num_threads(threads)
