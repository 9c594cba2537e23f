"""Files of data, each written by its own library: items, values, channels, classes and order are as that library reads.

``write.py`` beside this file writes them, with the values in ``expected.npz``.
"""

from __future__ import annotations

import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from activessl.errors import PoolError
from activessl.pool.pool import Pool
from activessl.pool.remarks import remarks
from activessl.pool.sources import load_pool
from activessl.pool.stored_labels import read_labels

FILES = Path(__file__).parent / "files"
WRITTEN = sorted(path.parent.name for path in FILES.glob("*/expected.npz"))
#: Forms that a package reads which not everybody has.
NEEDS = {"list-xlsx": "openpyxl", "text-xlsx": "openpyxl", "dicom": "pydicom", "edf": "pyedflib", "bdf": "pyedflib"}
NEEDS |= {"wfdb": "wfdb"}
NEEDS |= dict.fromkeys(("flac", "ogg", "mp3"), "soundfile")


def told(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FILES / name / "expected.json").read_text())
    return found


def opened(name: str, modality: str | None = None) -> Pool:
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    return load_pool(FILES / name / told(name)["open"], modality or told(name).get("modality"))


def values(name: str) -> dict[str, np.ndarray[Any, Any]]:
    with np.load(FILES / name / "expected.npz") as found:
        return {key: found[key] for key in found.files}


@pytest.mark.parametrize("name", [name for name in WRITTEN if name not in ("edf", "bdf")])
def test_items_values_and_order_are_those_of_the_library(name: str) -> None:
    pool, said, expected = opened(name), told(name), values(name)
    assert list(pool.ids) == said["ids"] and not pool.unreadable
    for row, item in enumerate(pool.ids):
        ours = np.asarray(pool.read(row))
        tolerance = 2e-5 if pool.modality == "series" else 1e-6 if pool.modality == "audio" else 0
        np.testing.assert_allclose(ours, expected[item], rtol=1e-6, atol=tolerance, err_msg=item)
        assert np.array_equal(np.isnan(ours), np.isnan(expected[item]))
    if "channels" in said:
        assert list(pool.axes.channels) == said["channels"]
    if "step" in said:
        assert pool.axes.step == said["step"]


@pytest.mark.parametrize("name", [name for name in WRITTEN if "labels" in told(name)])
def test_classes_are_those_of_the_library(name: str) -> None:
    pool = opened(name)
    found = read_labels(pool)
    assert found is not None
    names = found.class_names or tuple(range(9))
    assert [names[k] for k in found.labels] == told(name)["labels"]


@pytest.mark.parametrize("name", ["text-csv", "text-jsonl", "text-xlsx"])
def test_texts_are_those_of_the_library(name: str) -> None:
    pool = opened(name)
    assert [pool.read(row) for row in range(len(pool))] == told(name)["texts"]
    assert list(pool.ids) == told(name)["ids"]


@pytest.mark.parametrize("name", [name for name in WRITTEN if "group" in told(name)])
def test_the_group_of_an_item_is_carried_along(name: str) -> None:
    pool = opened(name)
    columns: dict[str, dict[str, Any]] = pool.source.columns  # type: ignore[attr-defined]
    assert [columns["group"][item] for item in pool.ids] == told(name)["group"]
    assert any("the column 'group' groups the items only with data.group_column" in line for line in remarks(pool))


def test_metadata_of_samples_are_those_of_the_library() -> None:
    pool, said = opened("webdataset"), told("webdataset")["columns"]
    columns: dict[str, dict[str, Any]] = pool.source.columns  # type: ignore[attr-defined]
    assert {name: [cells[item] for item in pool.ids] for name, cells in columns.items()} == said


@pytest.mark.parametrize("name", ["edf", "bdf"])
def test_a_slow_channel_is_interpolated_to_the_fast_one_and_not_beyond_its_last_value(name: str) -> None:
    pool, expected = opened(name), values(name)
    assert list(pool.ids) == told(name)["ids"] and list(pool.axes.channels) == told(name)["channels"]
    assert pool.axes.step == 0.01 and "interpolated to the fastest" in remarks(pool)[0]
    for row, item in enumerate(pool.ids):
        ours = np.asarray(pool.read(row))
        np.testing.assert_allclose(ours[0], expected[f"{item} fast"], atol=1e-4)
        np.testing.assert_allclose(ours[1][::10], expected[f"{item} slow"], atol=1e-4)
        assert np.isnan(ours[1][191:]).all() and not np.isnan(ours[1][:191]).any()


def test_classes_that_differ_only_in_their_case_stay_two() -> None:
    found, said = read_labels(opened("ts")), told("ts")
    assert found is not None and found.class_names is not None
    assert [found.class_names[k] for k in found.labels] == said["labels given"]
    assert said["labels by aeon"] == ["a", "b", "a"]  # the reader of the library itself makes them one


def test_what_is_left_out_of_a_dicom_file_is_told() -> None:
    lines = remarks(opened("dicom"))
    assert any("the first of 2 frames is read (frames.dcm)" in line for line in lines)
    assert any("shifted to begin at 0 (signed.dcm)" in line for line in lines)


def place(name: str, to: Path) -> Path:
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    shutil.copytree(FILES / name, to / name)
    return to / name / told(name)["open"]


def cut(path: Path, end: int = 0) -> None:
    """The second half is missing, or the last bytes; in a folder of each file."""
    for file in [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file()):
        content = file.read_bytes()
        file.write_bytes(content[: len(content) - end] if end else content[: len(content) // 2])


def change(old: str, new: str, count: int = 1) -> Callable[[Path], None]:
    def apply(path: Path) -> None:
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new, count))

    return apply


def twice(path: Path) -> None:
    """An archive whose samples are in it a second time."""
    first = sorted(path.iterdir())[0]
    with tarfile.open(first) as tar:
        members = [(one, tar.extractfile(one)) for one in tar.getmembers()]
        with tarfile.open(path / "a.tar", "w") as out:
            for _ in range(2):
                for info, content in members:
                    assert content is not None
                    content.seek(0)
                    out.addfile(info, content)


#: Damaged files: what is done to them, and what is said, of the file or of its items.
DAMAGED = {
    "ts": (cut, "cannot be read"),
    "arff": (change("REAL", "RAEL"), "not ARFF that can be read"),
    "ucr": (change("-1\t", "-1\tx"), "line 2: 'x.*' is not a number"),
    "wide-csv": (change("\n", ",0\n", 3), "line 4 of .* has 15 fields, not 16"),
    "long-csv": (change("s2,0.5", ",0.5"), "row 2 has no id"),
    "mat": (cut, "is not a MATLAB file"),
    "edf": (cut, "no usable items .* recording cannot be decoded"),
    "bdf": (cut, "no usable items .* recording cannot be decoded"),
    "wfdb": (lambda path: (path / "r0.dat").unlink(), "r0.dat cannot be read: No such file"),
    "dicom": (cut, "no usable items .* DICOM file has no picture, or is cut off"),
    "list-csv": (change("cam1/a.png", "cam1/z.png"), "there is no file 'cam1/z.png'"),
    "list-jsonl": (change('{"path"', '"path"'), "line 1 of .* is not a JSON object"),
    "list-parquet": (cut, "is not a parquet file"),
    "list-xlsx": (cut, "is not a workbook that can be read"),
    "text-csv": (change('"one, two"', "one, two"), "has 4 fields, not 3"),
    "text-jsonl": (change('{"id"', '"id"'), "line 1 of .* is not a JSON object"),
    "text-xlsx": (cut, "is not a workbook that can be read"),
    "npz": (cut, "is not an npz file"),
    "datasets": (cut, "is not a parquet file"),
    "webdataset": (cut, "is cut off after .*: the 2 members before are read"),
    "ome-tiff": (lambda path: cut(path, 60), "no usable items .* file is not an image"),
    **dict.fromkeys(
        ("png16", "gif", "webp", "jpeg", "tiff16"), (cut, "no usable items .* (image cannot be|not an image)")
    ),
    **dict.fromkeys(("wav24", "wav-float", "flac", "ogg"), (cut, "no usable items .* sound cannot be decoded|seconds")),
}

#: Files that may mean two things.
AMBIGUOUS = {
    "ts": (change("@classLabel true", "@targetLabel true"), "a number to predict for each series, not a class"),
    "arff": (change("REAL", "{a, b}"), "11 numeric and 2 nominal|not ARFF"),
    "wide-csv": (change("id,", "name,"), "1 columns are no numbers: name"),
    "melted-csv": (change("s2,0.5,y", "s2,0.0,y"), "the second of 'y' at 0.0"),
    "wfdb": (lambda path: (path / "r0.hea").write_text("r0/2 2 250 50\nr0_1 25\nr0_2 25\n"), "several segments"),
    "list-csv": (change("group", "text"), "has files in the column 'path' and texts in 'text'"),
    "list-jsonl": (change("cam1\\/a.png", "cam1\\/c.png"), "two rows of .* have the id 'cam1/c.png'"),
    "text-csv": (change("id,text,label", "id,a,b"), "has no column 'text'"),
    "text-jsonl": (change('"t2"', '"t1"'), "two items share one id"),
    "webdataset": (twice, "another sample of the archive has this name"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_says_what_is_damaged(name: str, tmp_path: Path) -> None:
    path = place(name, tmp_path)
    damage, message = DAMAGED[name]
    damage(path)
    with pytest.raises(PoolError, match=message):
        pool = load_pool(path, told(name).get("modality"))
        raise PoolError("; ".join(bad.why for bad in pool.unreadable), hint="")  # one bad item never stops the others


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_a_file_that_may_mean_two_things_is_refused(name: str, tmp_path: Path) -> None:
    path = place(name, tmp_path)
    change_it, message = AMBIGUOUS[name]
    change_it(path)
    with pytest.raises(PoolError, match=message):
        pool = load_pool(path, told(name).get("modality"))
        raise PoolError("; ".join(bad.why for bad in pool.unreadable), hint="")


def test_a_series_whose_rows_have_two_labels_is_refused(tmp_path: Path) -> None:
    path = place("long-csv", tmp_path)
    lines = path.read_text().split("\n")
    path.write_text("\n".join([*lines[:2], lines[2].replace(",A", ",b"), *lines[3:]]))
    with pytest.raises(PoolError, match="series 's2' has 2 values in 'label': A, b"):
        load_pool(path, "series")


def test_a_table_that_may_be_one_recording_is_no_pool_of_series(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x,y\n" + "1,2\n" * 9)
    with pytest.raises(PoolError, match="9 series of 2 values, or one recording"):
        load_pool(tmp_path / "t.csv", "series")


def test_a_listed_file_that_lies_elsewhere_is_set_aside(tmp_path: Path) -> None:
    path = place("list-csv", tmp_path)
    shutil.copy(path.parent / "cam1" / "a.png", tmp_path / "secret.png")
    path.write_text("path\n../secret.png\ncam1/a.png\nftp://host/b.png\n")
    pool = load_pool(path)
    assert pool.ids == ("cam1/a.png",)
    assert [bad.why for bad in pool.unreadable] == [
        "'../secret.png' lies outside of the folder of the table",
        "ftp://host/b.png has the unknown protocol 'ftp'",
    ]


def test_a_record_has_changed_when_its_signals_have_and_they_are_no_files_beside_it(tmp_path: Path) -> None:
    path = place("wfdb", tmp_path)
    before = load_pool(path)
    assert before.source.beside == {}  # type: ignore[attr-defined]
    stamps = dict(before.source.stamps())  # type: ignore[attr-defined]
    (path / "r0.dat").write_bytes((path / "r0.dat").read_bytes()[::-1] + b"12")
    after = load_pool(path)
    changed = after.source.stamps()  # type: ignore[attr-defined]
    assert [item for item in stamps if stamps[item] != changed[item]] == ["r0.hea"]


def test_numbers_in_a_table_may_be_vectors() -> None:
    pool = opened("npz")
    assert pool.modality == "series"
    pool = opened("arff", "vector")
    assert np.asarray(pool.read(0)).shape == (12,)
