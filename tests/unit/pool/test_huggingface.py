"""Tables that Hugging Face datasets wrote (see ``tests/data/forms``): classes, files by path, sounds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from activessl.encoders.sound.mel import choose_mel
from activessl.errors import LabelError, PoolError
from activessl.pool.sources import load_pool
from activessl.pool.stored_labels import read_labels
from activessl.project.config import check_config
from activessl.proof.holdout import read_test
from activessl_cli.main import app

FORMS = Path(__file__).parents[2] / "data" / "forms"
VERSIONS = sorted(FORMS.glob("datasets-*"))
versions = pytest.mark.parametrize("folder", VERSIONS, ids=lambda folder: folder.name)


def test_there_are_tables_of_two_versions() -> None:
    assert len(VERSIONS) >= 2


@versions
def test_numbers_mean_the_classes_that_the_schema_names(folder: Path) -> None:
    found = read_labels(load_pool(folder / "images.parquet"))
    assert found is not None
    assert (found.class_names, found.labels.tolist()) == (("good", "defect"), [0, 1, 0, 1])
    texts = read_labels(load_pool(folder / "texts.parquet"))  # a column of another name, the only ClassLabel
    assert texts is not None and (texts.class_names, texts.labels.tolist()) == (("good", "defect"), [0, 1, 0, 1])
    several = read_labels(folder / "several.parquet")
    assert several is not None and several.class_names == ("good", "defect")
    assert several.labels.tolist() == [[1, 0], [1, 1], [0, 0], [0, 1]]


@versions
@pytest.mark.parametrize("classes", [["good", "defect"], ["defect", "good"]])
def test_test_data_are_read_by_name_in_any_order_of_the_project_s_classes(folder: Path, classes: list[str]) -> None:
    config = check_config({"data": {"path": "x", "modality": "image", "classes": classes}})
    truth = read_test(folder / "images.parquet", config.data).truth
    pool = load_pool(folder / "images.parquet")
    bright = [bool(np.asarray(pool.read(row)).mean() > 99) for row in range(4)]
    assert [classes[k] for k in truth.tolist()] == [("good", "defect")[one] for one in bright]
    other = check_config({"data": {"path": "x", "modality": "image", "classes": ["ok", "defect"]}})
    with pytest.raises(LabelError, match="'good' that the project does not have"):
        read_test(folder / "images.parquet", other.data)


@versions
def test_names_that_contradict_the_schema_are_refused(folder: Path) -> None:
    with pytest.raises(PoolError, match=r"row 0 of .* the label 0, which is 'good' by the schema .* but 'defect'"):
        read_labels(folder / "contradiction.parquet")


@versions
def test_minus_one_is_no_label(folder: Path) -> None:
    with pytest.raises(PoolError, match=r"2 items in .* have no label"):
        read_labels(folder / "unlabeled.parquet")


@versions
def test_images_by_path_are_read_from_the_folder_of_the_table_and_nowhere_else(folder: Path) -> None:
    pool = load_pool(folder / "paths.parquet")
    assert (pool.modality, pool.ids) == ("image", ("paths:0", "paths:1"))
    assert pool.content(1) == (folder / "files/1.png").read_bytes()
    assert [bad.why for bad in pool.unreadable] == [
        "row has only the path 'files/gone.png', and no such file lies in the folder of the table",
        "row has only the path '../make_huggingface.py', and no such file lies in the folder of the table",
    ]


def test_a_column_of_sounds_is_a_pool_of_sounds(tmp_path: Path) -> None:
    table = FORMS / "datasets-3.6.0" / "sounds.parquet"
    pool = load_pool(table)
    assert (pool.modality, pool.items[0].shape) == ("audio", (1, 1_600))  # 800 values at 8,000 a second
    assert choose_mel(pool).rate == 16_000
    found = read_labels(pool)
    assert found is not None and found.class_names == ("good", "defect")
    said = CliRunner().invoke(app, ["init", str(table), "--classes", "good,defect", "-p", str(tmp_path / "p")])
    assert "4 items of kind audio" in said.output
    with pytest.raises(PoolError, match="holds audio, not image"):
        load_pool(table, "image")


def test_sounds_without_a_schema_are_known_by_their_content_or_their_name(tmp_path: Path) -> None:
    column = pq.read_table(FORMS / "datasets-3.6.0" / "sounds.parquet").column("audio").to_pylist()
    pq.write_table(pa.table({"clip": [None, *(row["bytes"] for row in column)]}), tmp_path / "plain.parquet")
    pool = load_pool(tmp_path / "plain.parquet")
    assert (pool.modality, len(pool)) == ("audio", 4)
    (tmp_path / "0.wav").write_bytes(column[0]["bytes"])
    by_path = [{"bytes": None, "path": "0.wav"}]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    pq.write_table(pa.table({"clip": pa.array(by_path, kind)}), tmp_path / "path.parquet")
    assert load_pool(tmp_path / "path.parquet").modality == "audio"
