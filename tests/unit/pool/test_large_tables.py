"""Large files of series are read row by row, and give the same as small ones."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from activessl.errors import PoolError
from activessl.pool.pool import Pool
from activessl.pool.series_files import large
from activessl.pool.sources import SeriesFileSource, load_pool
from activessl.pool.stored_labels import read_labels


def ts(path: Path) -> Path:
    lines = [f"{i},{i + 1},?:{-i},0,1:{'ab'[i % 2]}" for i in range(12)]
    path.with_suffix(".ts").write_text("# a note\n@classLabel true b a\n@data\n" + "\n".join(lines) + "\n")
    return path.with_suffix(".ts")


def ucr(path: Path) -> Path:
    path.with_suffix(".tsv").write_text("".join(f"{i % 3}\t{i}\t{i / 7}\tNaN\n" for i in range(12)))
    return path.with_suffix(".tsv")


def wide(path: Path) -> Path:
    rows = [f'"s{i}",{i % 2},{i},{i * 1.5},,"north, {i % 3}"' for i in range(12)]
    path.with_suffix(".csv").write_text("\n".join(["\ufeffid,label,t0,t1,t2,site", *rows]) + "\n")
    return path.with_suffix(".csv")


def long(path: Path) -> Path:
    rows = [f"s{k},{i},{i * k},{'xy'[k % 2]}" for i in range(9) for k in range(1, 4)]  # not sorted
    path.with_suffix(".csv").write_text("\n".join(["id,time,value,label", *rows]) + "\n")
    return path.with_suffix(".csv")


def melted(path: Path) -> Path:
    rows = [f"s{k},{i},{c},{i * k}" for k in range(1, 4) for i in range(9) for c in ("p", "q")[: 1 + (k > 1)]]
    path.with_suffix(".csv").write_text("\n".join(["id,time,channel,value", *rows]) + "\n")
    return path.with_suffix(".csv")


def seen(pool: Pool) -> list[tuple[object, ...]]:
    stored = read_labels(pool) if "label" in pool.source.location.read_text()[:40].lower() else None
    labels = [] if stored is None else stored.labels.tolist()
    return [
        (item, np.asarray(pool.read(row)).tolist().__repr__(), *labels[row : row + 1])
        for row, item in enumerate(pool.items)
    ]


@pytest.mark.parametrize("write", [ts, ucr, wide, long, melted])
def test_a_large_file_gives_the_same_items_values_and_labels_as_a_small_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path], Path]
) -> None:
    path = write(tmp_path / "data")
    small = load_pool(path, "series")
    monkeypatch.setattr(large, "LARGE", 0)
    later = load_pool(path, "series")
    assert not isinstance(later.source._rows.series, list)  # type: ignore[attr-defined]
    assert seen(later) == seen(small) and later.axes == small.axes
    assert later.source.columns == small.source.columns  # type: ignore[attr-defined]
    assert isinstance(later.source, SeriesFileSource) and later.source.class_names == small.source.class_names  # type: ignore[attr-defined]


def test_a_bad_row_of_a_large_file_is_unreadable_and_the_others_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(large, "LARGE", 0)
    path = tmp_path / "x.csv"
    path.write_text("id,t0,t1\na,1,2\nb,1,two\nc,3,4\n")
    with pytest.raises(PoolError, match="1 columns are no numbers"):  # it is among the first rows: no table of series
        load_pool(path, "series")
    path.write_text("id,t0,t1\n" + "".join(f"a{i},1,2\n" for i in range(150)) + "b,1,two\n")
    pool = load_pool(path, "series")
    assert len(pool) == 150 and [(one.id, one.why) for one in pool.unreadable] == [
        ("b", "line 152: 'two' is not a number")
    ]


def test_a_cell_with_a_line_break_is_refused_in_a_large_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large, "LARGE", 0)
    (tmp_path / "x.csv").write_text('id,t0,t1\n"a\nb",1,2\nc,3,4\n')
    with pytest.raises(PoolError, match="line 2 has a quotation mark without another"):
        load_pool(tmp_path / "x.csv", "series")


def peak_of(path: Path) -> int:
    tracemalloc.start()
    pool = load_pool(path, "series")
    pool.read(10)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


@pytest.mark.slow
@pytest.mark.parametrize("write", [ts, wide, long])
def test_memory_grows_with_a_row_and_not_with_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path], Path]
) -> None:
    monkeypatch.setattr(large, "LARGE", 0)
    monkeypatch.setattr(large, "_HEAD", 20)
    path = write(tmp_path / "data")
    values = ",".join(f"{i / 7:.6f}" for i in range(400))
    peaks = []
    for count in (40, 160):
        if write is ts:
            path.write_text("@classLabel false\n@data\n" + f"{values}\n" * count)
        elif write is wide:
            names = ",".join(f"t{i}" for i in range(400))
            path.write_text(f"id,{names}\n" + "".join(f"s{i},{values}\n" for i in range(count)))
        else:
            path.write_text("id,time,x\n" + "".join(f"s{k},{i},{i / 7}\n" for k in range(count) for i in range(200)))
        peaks.append(peak_of(path))
    grown = 120 * (200 if write is long else 400) * 8  # the values of the further rows, as numbers of eight bytes
    assert peaks[1] - peaks[0] < 0.5 * grown and max(peaks) < 4_000_000
