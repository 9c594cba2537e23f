"""What is known of items beside their content: read once, in one place, and never guessed."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from activessl.errors import PoolError
from activessl.pool.metadata.base import Column, Metadata
from activessl.pool.metadata.cells import typed
from activessl.pool.metadata.gather import gather_metadata
from activessl.pool.metadata.joined import join
from activessl.pool.metadata.slicing import MOST, NOT_KNOWN, OTHERS, sliced
from activessl.pool.sources import load_pool

CAMERAS = ("A1", "B2", "", "A1")
AGES = (20, 31, 47, 52)


def write_table(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    names = list(rows[0])
    if path.suffix == ".csv":
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(rows)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist([dict(row) for row in rows]), path)
    else:
        from openpyxl import Workbook

        book = Workbook()
        for row in (names, *(list(row.values()) for row in rows)):
            book.active.append(row)
        book.save(path)
    return path


def values_of(data: Path, name: str, modality: str | None = None, **more: Any) -> tuple[Any, ...]:
    pool = load_pool(data, modality)
    return gather_metadata(data, pool.ids, pool.modality, **more).column(name).values


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet", ".xlsx"])
@pytest.mark.parametrize("kind", ["list", "texts"])
def test_further_columns_of_a_table_are_metadata_in_the_order_of_the_items(
    tmp_path: Path, suffix: str, kind: str, pictures: Callable[[int], dict[str, str]]
) -> None:
    pictures(4)
    rows = [
        {
            **({"path": f"pictures/0{i}.png"} if kind == "list" else {"id": f"t{i}", "text": f"words of {i}"}),
            "camera": CAMERAS[i],
            "age": AGES[i],
            "label": "x",
        }
        for i in range(4)
    ]
    data = write_table(tmp_path / f"items{suffix}", rows)
    pool = load_pool(data)
    found = gather_metadata(data, pool.ids, pool.modality)
    assert found.column("camera").values == ("A1", "B2", None, "A1")
    assert (found.column("age").kind, found.column("age").values) == ("number", (20.0, 31.0, 47.0, 52.0))
    assert set(found.names) == {"camera", "age"}  # neither paths, texts and ids nor labels


def test_further_arrays_of_an_npz_are_metadata_and_the_items_are_not_read(tmp_path: Path) -> None:
    data = tmp_path / "items.npz"
    days = np.array(["2026-01-02", "2026-02-03", "2026-02-04", "NaT"], dtype="datetime64[D]")
    np.savez(data, vectors=np.zeros((4, 50_000), np.float32), labels=np.arange(4), camera=np.array(CAMERAS), day=days,
             table=np.zeros((4, 2)), few=np.zeros(3), odd=np.array([{}, 1, 2, 3], dtype=object))  # fmt: skip
    found = gather_metadata(data, [f"items:{i}" for i in range(4)], "vector")
    assert set(found.names) == {"camera", "day"}
    assert found.column("camera").values == ("A1", "B2", None, "A1")
    assert found.column("day").kind == "date"
    # the array of the items cannot be read: the metadata can
    content = bytearray(data.read_bytes())
    content[400_000:400_008] = b"\xff" * 8
    data.write_bytes(content)
    with pytest.raises(PoolError, match=r"'vectors' in .* cannot be read"):
        load_pool(data)
    assert gather_metadata(data, [f"items:{i}" for i in range(4)], "vector").names == found.names


def test_columns_of_words_in_tables_of_series_are_metadata_and_unreadable_numbers_are_not(tmp_path: Path) -> None:
    wide = [{"id": f"s{i}", "site": site, "0": i, "1": 2, "2": 3 + i} for i, site in enumerate(("x", "y", "x"))]
    data = write_table(tmp_path / "wide.csv", wide)
    assert values_of(data, "site", "series") == ("x", "y", "x")
    assert load_pool(data, "series").items[0].shape == (1, 3)
    long = [{"id": f"s{i}", "time": t, "v": t + i, "site": "xyx"[i]} for i in range(3) for t in range(4)]
    assert values_of(write_table(tmp_path / "long.csv", long), "site", "series") == ("x", "y", "x")
    for rows in ([{**row, "1": "2,5"} for row in wide], [{**row, "1": "2 V"} for row in wide]):
        with pytest.raises(PoolError, match="1 columns are no numbers: 1"):
            load_pool(write_table(tmp_path / "wide.csv", rows), "series")
    long[1]["site"] = "z"
    with pytest.raises(PoolError, match=r"series 's0' has 2 values in 'site'"):
        load_pool(write_table(tmp_path / "long.csv", long), "series")


def test_classes_of_a_schema_are_names_and_the_label_is_left_out(tmp_path: Path) -> None:
    schema = {"features": {"light": {"names": ["day", "night"], "_type": "ClassLabel"},
                           "label": {"names": ["a", "b"], "_type": "ClassLabel"}}}  # fmt: skip
    table = pa.table({"text": ["one", "two", "three"], "light": [0, 1, -1], "label": [0, 1, 0]})
    table = table.replace_schema_metadata({"huggingface": json.dumps({"info": schema})})
    pq.write_table(table, tmp_path / "t.parquet")
    pool = load_pool(tmp_path / "t.parquet")
    found = gather_metadata(tmp_path / "t.parquet", pool.ids)
    assert found.names == ("light",)
    assert found.column("light").values == ("day", "night", None)


def test_folders_are_columns_where_they_vary_unless_they_are_classes_or_parts(tmp_path: Path) -> None:
    ids = ["train/day/cat/1.png", "train/night/dog/2.png", "train/day/dog/3.png", "train/4.png"]
    found = gather_metadata(tmp_path, ids, classes=["dog", "cat"])
    assert found.names == ("folder 2", "folder 3")
    assert found.column("folder 2").values == ("day", "night", "day", None)
    assert [column.name for column in found.reported] == ["folder 2"]
    assert "classes" in found.column("folder 3").note
    assert gather_metadata(tmp_path, ["train/a.png", "val/b.png"]).column("folder 1").note
    # a label under another name is not reported on, but can be named
    table = write_table(tmp_path / "m.csv", [{"item": i, "animal": i.split("/")[2]} for i in ids[:3]])
    found = gather_metadata(tmp_path, ids[:3], table=table, classes=["dog", "cat"])
    assert "animal" not in [column.name for column in found.reported]
    assert [column.name for column in found.chosen(["animal"])] == ["animal"]


def test_cameras_and_dates_are_read_from_the_head_of_images(tmp_path: Path) -> None:
    for i in range(3):
        image = Image.fromarray(np.full((16, 16, 3), 40 * i, np.uint8))
        exif = image.getexif()
        if i < 2:
            exif[0x010F], exif[0x0110], exif[0x0132] = "Maker", ("K1\x00", "Maker K2")[i], "2026:03:04 05:06:07"
        image.save(tmp_path / f"{i}.jpg", exif=exif)
    (tmp_path / "3.jpg").write_bytes(b"\xff\xd8\xff\xe1 no picture")
    ids = [f"{i}.jpg" for i in range(4)]
    found = gather_metadata(tmp_path, ids, "image", exif=True)
    assert found.column("EXIF camera").values == ("Maker K1", "Maker K2", None, None)
    assert found.column("EXIF date").values[:3] == (datetime(2026, 3, 4, 5, 6, 7),) * 2 + (None,)
    assert not gather_metadata(tmp_path, ids, "image").columns


def test_a_table_is_joined_by_ids_by_paths_and_by_names_that_are_clear(tmp_path: Path) -> None:
    ids = ["a/1.png", "a/2.png", "b/1.png"]

    def joined(*cells: str, key: str = "file", **more: Any) -> dict[str, Any]:
        rows = [{key: cell, "site": f"of {i}", **more} for i, cell in enumerate(cells)]
        return join(write_table(tmp_path / "m.csv", rows), ids).columns["site"]

    assert joined("b/1.png", "a/2.png", "a/1.png") == {ids[2]: "of 0", ids[1]: "of 1", ids[0]: "of 2"}
    assert joined("/mnt/photos/a/1.png", "C:\\photos\\b\\1.png") == {ids[0]: "of 0", ids[2]: "of 1"}
    assert joined("./a/2.png", key="Image", id="17") == {ids[1]: "of 0"}
    assert joined("2.png") == {ids[1]: "of 0"}
    with pytest.raises(PoolError, match=r"'1.png' in m.csv fits 2 items: a/1.png, b/1.png"):
        joined("1.png", "2.png")
    # two files of one name cannot both be the item: neither is taken
    assert joined("x/a/1.png", "y/a/1.png", "a/2.png") == {ids[1]: "of 2"}
    with pytest.raises(PoolError, match=r"no row of m.csv is about an item.*begins with 'c/9.png'"):
        joined("c/9.png")
    with pytest.raises(PoolError, match=r"no column that names the items; it has picture, site"):
        joined("a/1.png", key="picture")


def test_two_rows_about_one_item_must_agree_and_strangers_are_counted(tmp_path: Path) -> None:
    rows = [
        {"item": "a", "site": "x", "n": ""},
        {"item": "b", "site": "y", "n": "1"},
        {"item": "a", "site": "x", "n": "NA"},
    ]
    rows += [{"item": "q", "site": "x", "n": "1"}, {"item": "", "site": "x", "n": "1"}]  # fmt: skip
    found = join(write_table(tmp_path / "m.csv", rows), ["a", "b", "c"])
    assert found.columns["site"] == {"a": "x", "b": "y"}
    assert found.remarks == (
        "2 rows are of no item of the pool in m.csv, first: q",
        "1 item has no row in m.csv, first: c",
    )
    rows[2]["site"] = "z"
    with pytest.raises(PoolError, match=r"two rows for the item 'a', with the values 'x' and 'z' in 'site'"):
        join(write_table(tmp_path / "m.csv", rows), ["a", "b", "c"])


def test_a_column_that_is_in_the_data_and_in_the_table_must_be_the_same(tmp_path: Path) -> None:
    data = write_table(tmp_path / "t.csv", [{"id": i, "text": i, "site": s} for i, s in zip("abc", "xxy", strict=True)])
    same = [{"id": i, "site": s, "shift": "late"} for i, s in zip("abc", "xxy", strict=True)]
    found = gather_metadata(data, list("abc"), table=write_table(tmp_path / "m.csv", same))
    assert found.names == ("site", "shift")
    same[0]["site"] = "y"
    with pytest.raises(PoolError, match=r"'site' is in the data and, with other values, in m.csv"):
        gather_metadata(data, list("abc"), table=write_table(tmp_path / "m.csv", same))
    with pytest.raises(PoolError, match=r"gone.csv does not exist"):
        gather_metadata(data, list("abc"), table=tmp_path / "gone.csv")
    data.unlink()  # what the table says is still known
    found = gather_metadata(data, list("abc"), table=tmp_path / "m.csv")
    assert found.names == ("site", "shift")
    assert "does not exist" in found.remarks[0]


def test_values_are_numbers_dates_or_texts_and_never_half_of_each() -> None:
    assert typed(["1", "1e3", "-.5"]) == ("number", (1.0, 1000.0, -0.5))
    assert typed(["1", "two"]) == ("text", ("1", "two"))
    assert typed(["010", "011"])[0] == "text"  # type: ignore[index]
    assert typed([True, False]) == ("text", ("True", "False"))
    assert typed(["03/04/2026", "05/04/2026"])[0] == "text"  # type: ignore[index]
    assert typed(["2026-13-01", "2026-01-01"])[0] == "text"  # type: ignore[index]
    assert typed([10**400, 1])[0] == "text"  # type: ignore[index]
    assert typed(["none", "NaN", " "]) == ("text", ("none", None, None))
    assert typed([["a"], "b"]) is None
    assert typed(["a\nb\x1b[31m"]) == ("text", ("a b\\x1b[31m",))


def column(values: Sequence[Any], name: str = "c") -> Column:
    kind, found = typed(values)  # type: ignore[misc]
    return Column(name, kind, found)


def test_numbers_are_ranges_with_edges_that_occur_and_few_numbers_are_codes() -> None:
    rng = np.random.default_rng(0)
    x = rng.gamma(2, 10, 500)
    found = sliced(column([*x.tolist(), None]))
    assert len(found.names) == 5
    assert found.names[-1] == NOT_KNOWN
    assert np.bincount(found.of)[:4].tolist() == [125] * 4
    edges = [float(name.rsplit(" ", 1)[1]) for name in found.names[:3]]
    assert [int((x <= edge).sum()) for edge in edges] == [125, 250, 375]
    assert sliced(column([3, 1, 2, 10, 3])).names == ("1", "2", "3", "10")
    skewed = sliced(column([0] * 90 + list(range(1, 21))))
    assert (skewed.names, np.bincount(skewed.of).tolist()) == (("up to 0", "above 0"), [90, 20])


def test_dates_are_months_years_days_or_hours() -> None:
    def names(*days: str) -> tuple[str, ...]:
        return sliced(column(days)).names

    assert names("2026-01-03", "2026-02-01", "2026-01-30") == ("2026-01", "2026-02")
    assert names("2026-01-03", "2026-01-05") == ("2026-01-03", "2026-01-05")
    assert names("2026-01-03T08:10:00", "2026-01-03T09:00:00+02:00") == ("2026-01-03 08 h", "2026-01-03 09 h")
    assert names(*(f"{year}-0{month}-01" for year in range(2010, 2016) for month in range(1, 6)))[0] == "2010"


def test_of_ten_thousand_values_the_most_common_have_a_slice_each() -> None:
    values = [f"v{i}" for i in range(10_000)] + ["v7", "v8", "v8"]
    found = sliced(column(values))
    assert len(found.names) == MOST
    assert found.names[:2] == ("v8", "v7")
    assert found.names[-1] == OTHERS
    assert found.remark == f"{10_000 - MOST + 1:,} rarer values are one slice"
    assert np.bincount(found.of).sum() == len(values)
    # values that are called like our own slices stay apart from them, and long ones from each other
    odd = sliced(column([NOT_KNOWN, NOT_KNOWN, None, "a" * 100 + "1", "a" * 100 + "2"]))
    assert len(set(odd.names)) == len(odd.names) == 4
    assert len(np.unique(odd.of)) == 4


def test_columns_without_slices_say_why() -> None:
    ids = tuple(f"i{i}" for i in range(4))
    made = Metadata(
        ids,
        (
            column(["a", "b", "c", "d"], "serial"),
            column([7, 8, 9, 10], "row"),
            column(["x"] * 4, "site"),
            column([None] * 4, "empty"),
            column([0.5, 1.5, 2.5, 4.5], "age"),
            column(["x", "", "x", "x"], "half"),
        ),
    )
    assert [one.name for one in made.reported] == ["age", "half"]
    told = "\n".join(made.told())
    assert "metadata: age (4 numbers), half (1 value, 1 not known)" in told
    assert "row (each item has a value of its own)" in told
    with pytest.raises(PoolError, match=r"'site' has no slices: it has one value"):
        made.chosen(["site"])
    with pytest.raises(PoolError, match=r"no column 'where'"):
        made.chosen(["where"])
