"""``activessl simulate`` on data with regions, as a person runs it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from activessl.heads.dense import head
from activessl.heads.dense.training import Recipe
from activessl_cli.main import run


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(head, "ROWS", Recipe(hidden=4, steps=5, batch_size=4, rate=2e-2))
    rng = np.random.default_rng(0)
    towns = ["Rome", "Oslo", "Lima"]
    tokens, tags = [], []
    for number in range(40):
        if number % 2:
            tokens.append(["we", "live", "in", str(rng.choice(towns)), "now"])
            tags.append(["O", "O", "O", "B-place", "O"])
        else:
            tokens.append(["nothing", "to", "see"])
            tags.append(["O"] * 3)
    pq.write_table(pa.table({"tokens": tokens, "tags": tags}), tmp_path / "spans.parquet")
    return tmp_path


def test_budgets_count_items_and_json_has_the_curves_alone(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ("simulate", "spans.parquet", "--encoder", "ngrams", "--seeds", "1", "--budgets", "8,16")
    assert run(*argv, "--strategy", "auto", "--cache", "cache", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told["curves"]) == {"auto", "random"}
    assert told["curves"]["auto"]["labels"] == [8, 16]
    assert np.shape(told["curves"]["auto"]["quality"]) == np.shape(told["curves"]["auto"]["regions"]) == (1, 2)
    assert told["settings"]["quality"] == "exact span F1" and told["settings"]["encoder"] == "ngrams"
    assert run(*argv, "--cache", "cache") == 0  # the runs are read back
    assert "50 % of the items hold a region, these 1.0 on average" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--head", "prototype"), "the head 'prototype' gives no regions"),
        (("--regions", "circle"), "regions of the kind 'circle' are not known"),
        (("--regions", "mask"), "holds regions of the kind span, not mask"),
        (("--encoder", "patches"), "the encoder 'patches' gives no parts of items of the form 'text'"),
        (("--budgets", "8,99", "--encoder", "ngrams"), "a budget of 99 items"),
        (("--strategy", "clairvoyant", "--encoder", "ngrams"), "clairvoyant"),
    ],
)
def test_bad_input_is_two_lines_and_exit_1(
    here: Path, more: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("simulate", "spans.parquet", *more) == 1
    out, err = capsys.readouterr()
    assert out == ""
    error, hint = err.splitlines()[-2:]
    assert error.startswith("error: ") and says in error
    assert hint.startswith(" hint: ")


def test_a_kind_of_regions_is_refused_for_data_without_any(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez("all.npz", vectors=np.zeros((9, 2), np.float32), labels=np.arange(9))
    assert run("simulate", "all.npz", "--regions", "box") == 1
    assert "all.npz holds no regions" in capsys.readouterr().err
