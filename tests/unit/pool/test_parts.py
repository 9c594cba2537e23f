"""Data that mark their own test data: in a column, in an array, or by folders."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from scipy.io import savemat
from typer.testing import CliRunner, Result

from activessl import Session
from activessl.errors import PoolError
from activessl.pool.parts import held_out_ids, told_parts
from activessl.pool.sources import load_pool, open_source

#: The label, the text and the part of each row; those to label have no label.
ROWS = [("", f"red apple {i}", "train") for i in range(30)]
ROWS += [(("fruit", "tool")[i % 2], f"{('green pear', 'steel hammer')[i % 2]} {i}", "test") for i in range(12)]
ROWS += [("tool", f"long saw {i}", "validation") for i in range(4)]
ROWS.insert(3, ("fruit", "blue plum", "Test"))  # not in the order of the parts
CLASSES = ("fruit", "tool")


def csv(folder: Path) -> Path:
    lines = ["label,text,split", *(",".join(row) for row in ROWS)]
    (folder / "data.csv").write_text("\n".join(lines) + "\n")
    return folder / "data.csv"


def jsonl(folder: Path) -> Path:
    rows = [json.dumps({"label": label or None, "text": text, "split": part}) for label, text, part in ROWS]
    (folder / "data.jsonl").write_text("\n".join(rows) + "\n")
    return folder / "data.jsonl"


def parquet(folder: Path) -> Path:
    label, text, part = zip(*ROWS, strict=True)
    table = pa.table({"label": [one or None for one in label], "text": list(text), "split": list(part)})
    pq.write_table(table, folder / "data.parquet", row_group_size=10)
    return folder / "data.parquet"


def numbered_parquet(folder: Path) -> Path:
    """Numbers, and a column of their names, in which the first class is not among the test items of the end."""
    label, text, part = zip(*ROWS, strict=True)
    columns = {
        "label": [CLASSES.index(one) if one else None for one in label],
        "label_name": [one or None for one in label],
    }
    pq.write_table(pa.table({**columns, "text": list(text), "split": list(part)}), folder / "data.parquet")
    return folder / "data.parquet"


def npz(folder: Path) -> Path:
    label, _, part = zip(*ROWS, strict=True)
    numbers = np.array([CLASSES.index(one) if one else -1 for one in label])
    vectors = np.random.default_rng(0).normal(size=(len(ROWS), 4)) + numbers[:, None]
    held = np.array([0 if one == "train" else 1 for one in part])
    np.savez(folder / "data.npz", vectors=vectors, labels=numbers, split=held, class_names=np.array(CLASSES))
    return folder / "data.npz"


def mat(folder: Path) -> Path:
    label, _, part = zip(*ROWS, strict=True)
    values = {
        "vectors": np.random.default_rng(0).normal(size=(len(ROWS), 4)),
        "labels": np.array([CLASSES.index(one) if one else -1 for one in label]),
        "split": np.array([0 if one == "train" else 2 for one in part]),
    }
    savemat(folder / "data.mat", values)
    return folder / "data.mat"


def listed(folder: Path) -> Path:
    """A list of files."""
    lines = ["path,label,split"]
    for row, (label, _, part) in enumerate(ROWS):
        picture(folder / "files" / f"{row}.png", row)
        lines.append(f"files/{row}.png,{label},{part}")
    (folder / "data.csv").write_text("\n".join(lines) + "\n")
    return folder / "data.csv"


def folders(folder: Path) -> Path:
    for row, (label, _, part) in enumerate(ROWS):
        picture(folder / "data" / part.lower() / (label or "unsorted") / f"{row}.png", row)
    return folder / "data"


def series(folder: Path) -> Path:
    """A wide table, a row for each series."""
    rng = np.random.default_rng(0)
    lines = ["label,split," + ",".join(f"t{k}" for k in range(12))]
    for label, _, part in ROWS:
        lines.append(f"{label},{part}," + ",".join(f"{value:.4f}" for value in rng.normal(size=12)))
    (folder / "data.csv").write_text("\n".join(lines) + "\n")
    return folder / "data.csv"


def picture(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (8, 8), dtype=np.uint8)).save(path)


FORMS: dict[str, Callable[[Path], Path]] = {
    one.__name__: one for one in (csv, jsonl, parquet, numbered_parquet, npz, mat, listed, folders, series)
}
MODALITY = {"series": ["--modality", "series"]}


def run(*words: object) -> Result:
    return CliRunner().invoke(_app(), [str(word) for word in words])


def _app():
    from activessl_cli.main import app

    return app


@pytest.mark.parametrize("form", FORMS)
def test_what_the_data_mark_as_test_measures_and_is_not_in_the_pool(tmp_path: Path, form: str) -> None:
    data = FORMS[form](tmp_path)
    found = run("init", data, "--test", data, "--classes", "fruit,tool", "-p", tmp_path / "p", *MODALITY.get(form, ()))
    assert found.exit_code == 0, (found.output, found.exception)
    assert "30 items of kind" in found.output
    session = Session.open(tmp_path / "p")
    pool = session.project.pool()
    assert len(pool) == 30 and len(pool.aside) == 17
    session.encode()
    session.query(query_size=8)
    assert len(session.project.history().rounds[0].questions) == 8

    truth = {item: CLASSES[k % 2] for k, item in enumerate(pool.ids)}
    from activessl.annotators.oracle import Oracle

    taught = session.round(Oracle(truth, CLASSES))
    assert taught.test_items == 17
    assert run("check", "-p", tmp_path / "p").output.count("'split' marks") == 0


@pytest.mark.parametrize("form", FORMS)
def test_without_test_data_init_and_check_say_that_all_parts_are_in_the_pool(tmp_path: Path, form: str) -> None:
    data = FORMS[form](tmp_path)
    found = run("init", data, "--classes", "fruit,tool", "-p", tmp_path / "p", *MODALITY.get(form, ()))
    assert "47 items of kind" in found.output
    said = "the folders" if form == "folders" else "'split' marks 17 items"
    assert said in found.output
    assert said in run("check", "-p", tmp_path / "p").output


def test_data_without_marks_or_with_marks_of_one_part_say_nothing(tmp_path: Path) -> None:
    for name, part in (("a", 0), ("b", 1)):
        np.savez(tmp_path / f"{name}.npz", vectors=np.eye(6), split=np.full(6, part))
        assert told_parts(load_pool(tmp_path / f"{name}.npz")) == []
    np.savez(tmp_path / "c.npz", vectors=np.eye(6))
    assert told_parts(load_pool(tmp_path / "c.npz")) == [] and held_out_ids(open_source(tmp_path / "c.npz")) == ()


@pytest.mark.parametrize(
    ("split", "why"),
    [
        (None, "marks no item"),
        (np.zeros(6), "values"),
        (np.zeros(6, int), "marks no item"),
        (np.ones(6, int), "all items"),
    ],
)
def test_data_and_test_data_at_once_need_marks_of_both(tmp_path: Path, split: np.ndarray | None, why: str) -> None:
    more = {} if split is None else {"split": split}
    np.savez(tmp_path / "a.npz", vectors=np.eye(6), labels=np.arange(6) % 2, **more)
    found = run("init", tmp_path / "a.npz", "--test", tmp_path / "a.npz", "--classes", "a,b", "-p", tmp_path / "p")
    assert found.exit_code == 1 and why in str(found.exception)
    assert not (tmp_path / "p").exists()


def test_marks_that_vanish_later_do_not_bring_test_items_into_the_pool(tmp_path: Path) -> None:
    data = npz(tmp_path)
    run("init", data, "--test", data, "--classes", "fruit,tool", "-p", tmp_path / "p")
    session = Session.open(tmp_path / "p")
    session.encode()
    with np.load(data) as found:
        rest = {key: found[key] for key in found.files if key != "split"}
    np.savez(data, **rest)
    with pytest.raises(PoolError, match="marks no item"):
        session.encode()


def test_a_new_file_beside_the_parts_does_not_bring_test_items_into_the_pool(tmp_path: Path) -> None:
    data = folders(tmp_path)
    run("init", data, "--test", data, "--classes", "fruit,tool", "-p", tmp_path / "p")
    session = Session.open(tmp_path / "p")
    session.encode()
    assert "added since" not in run("status", "-p", tmp_path / "p").output  # the test items are not new
    picture(data / "extra" / "new.png", 99)
    session.encode()
    assert len(session.project.pool()) == 31


def test_a_list_of_files_is_not_called_a_column_of_texts(tmp_path: Path) -> None:
    found = run("init", listed(tmp_path), "--classes", "fruit,tool", "-p", tmp_path / "p")
    assert found.exit_code == 0 and "texts are" not in found.output


def test_a_label_that_is_missing_in_the_test_part_is_an_error(tmp_path: Path) -> None:
    data = csv(tmp_path)
    data.write_text(data.read_text().replace("fruit,blue plum", ",blue plum"))
    found = run("init", data, "--test", data, "--classes", "fruit,tool", "-p", tmp_path / "p")
    assert found.exit_code == 1 and "1 items" in str(found.exception)


def test_without_classes_the_hint_has_those_that_the_data_name(tmp_path: Path) -> None:
    found = run("init", csv(tmp_path).rename(tmp_path / "some.csv"), "-p", tmp_path / "p")
    assert "some" not in str(found.exception) and found.exit_code == 1  # a label is missing: no guess
    lines = [line for line in (tmp_path / "some.csv").read_text().splitlines() if not line.startswith(",")]
    (tmp_path / "all.csv").write_text("\n".join(lines) + "\n")
    found = run("init", tmp_path / "all.csv", "-p", tmp_path / "p")
    assert "--classes fruit,tool" in str(getattr(found.exception, "hint", ""))
