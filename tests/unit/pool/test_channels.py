"""Channels belong to names: tables of several orders, as pandas writes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from activessl.annotators.oracle import Oracle
from activessl.encoders.registry import fit_encoder
from activessl.errors import PoolError
from activessl.pool.manifest import load_manifest, save_manifest
from activessl.pool.pool import Pool
from activessl.pool.sources import load_pool, open_source
from activessl.scoring.model import Model
from activessl.session import Session
from activessl_cli.main import app

ORDERS = (["time", "x", "y"], ["time", "y", "x"])


def recording(kind: int, rng: np.random.Generator, length: int = 60) -> pd.DataFrame:
    """A wave in one channel and noise in the other: which of them has the wave is the class."""
    time = np.arange(length)
    wave, noise = np.sin(time * 0.4 + rng.uniform(0, 6)), 0.3 * rng.normal(size=length)
    return pd.DataFrame({"time": time, "x": (wave, noise)[kind], "y": (noise, wave)[kind]})


def write(folder: Path, count: int, orders: tuple[list[str], ...] = ORDERS, seed: int = 0) -> None:
    rng = np.random.default_rng(seed)
    for i in range(count):
        path = folder / ("on_x", "on_y")[i % 2] / f"{i:02}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        recording(i % 2, rng).to_csv(path, index=False, columns=orders[i // 2 % len(orders)])


def run(*arguments: str) -> str:
    found = CliRunner().invoke(app, list(arguments))
    assert found.exit_code == 0, found.output
    return found.output


def test_files_with_their_columns_in_two_orders_are_one_pool_of_the_same_channels(tmp_path: Path) -> None:
    write(tmp_path / "mixed", 8)
    write(tmp_path / "same", 8, (["time", "x", "y"],))
    mixed, same = load_pool(tmp_path / "mixed"), load_pool(tmp_path / "same")
    assert mixed.axes.channels == ("x", "y")
    for row in range(len(same)):
        assert np.array_equal(np.asarray(mixed.read(row)), np.asarray(same.read(row)))
        assert np.array_equal(np.asarray(mixed.subset(mixed.ids[row:]).read(0)), np.asarray(same.read(row)))


@pytest.mark.slow
def test_a_project_of_two_orders_and_its_exported_model_go_by_the_names(tmp_path: Path) -> None:
    write(tmp_path / "rec", 40)
    (tmp_path / "rec/odd.csv").write_bytes(
        (tmp_path / "rec/on_x/00.csv").read_bytes().replace(b"time,x,y", b"time,x,z")
    )
    pd.DataFrame({"time": range(60), "x": 0.5, "y": range(60), "z": range(60)}).to_csv(tmp_path / "rec/more.csv")
    said = run("init", str(tmp_path / "rec"), "--classes", "on_x,on_y", "--query-size", "12", "-p", str(tmp_path / "p"))
    assert "40 items of kind series" in said and "2 items could not be read" in said
    assert "more.csv: has the channel 'z' too; most files have the channels 'x', 'y'" in said
    listed = run("check", "-p", str(tmp_path / "p"))
    assert "odd.csv (lacks the channel 'y' and has 'z' too; most files have the channels 'x', 'y')" in listed

    session = Session.open(tmp_path / "p")
    session.encode()
    truth = {item: item.split("/")[0] for item in session.project.pool().ids}
    session.round(Oracle(truth, ("on_x", "on_y")))
    assert np.mean([row["class"] == truth[row["id"]] for row in session.table()]) == 1.0

    run("export", "model", str(tmp_path / "model"), "-p", str(tmp_path / "p"))
    assert Model.load(tmp_path / "model").axes.channels == ("x", "y")
    for orders in ORDERS:
        new = tmp_path / "-".join(orders)
        write(new, 12, (orders,), seed=9)
        model = Model.load(tmp_path / "model")
        scores = model.score(load_pool(new, axes=model.axes))
        assert [row["class"] for row in scores.rows(model.classes)] == [one.split("/")[0] for one in scores.ids]
        assert [row["class"] for row in scores.rows(model.classes)] == [
            row["class"] for row in model.score(load_pool(new)).rows(model.classes)
        ]

    pd.DataFrame({"x": np.arange(60.0)}).to_csv(new / "lone.csv", index=False)
    told = run("predict", str(new), "--model", str(tmp_path / "model"))
    assert "1 item could not be read; lone.csv: lacks the channel 'y'; the model has the channels 'x', 'y'" in told
    renamed = tmp_path / "renamed"
    renamed.mkdir()
    pd.DataFrame({"u": np.arange(60.0), "v": np.arange(60.0)}).to_csv(renamed / "a.csv", index=False)
    found = CliRunner().invoke(app, ["predict", str(renamed), "--model", str(tmp_path / "model")])
    assert found.exit_code == 1 and "lacks the channels 'x', 'y' and has 'u', 'v' too" in str(found.exception)
    with pytest.raises(PoolError, match="lacks the channels"):
        Model.load(tmp_path / "model").score(load_pool(renamed))


def test_a_model_that_knows_names_says_so_when_it_reads_series_without_names(tmp_path: Path) -> None:
    write(tmp_path / "rec", 24)
    session = Session.create(tmp_path / "p", tmp_path / "rec", ("on_x", "on_y"), query_size=8)
    session.encode()
    session.round(Oracle({i: i.split("/")[0] for i in session.project.pool().ids}, ("on_x", "on_y")))
    session.export_model(tmp_path / "model", onnx=False)
    rng = np.random.default_rng(3)
    values = np.stack([recording(k % 2, rng)[["x", "y"]].to_numpy().T for k in range(6)])
    np.savez(tmp_path / "new.npz", X=values)
    told = run("predict", str(tmp_path / "new.npz"), "--model", str(tmp_path / "model"))
    assert "the series have no names of channels: read in the order x, y" in told


@pytest.mark.parametrize("encoder", ["rocket", "masked"])
def test_an_encoder_reads_the_channels_of_another_pool_in_its_own_order(tmp_path: Path, encoder: str) -> None:
    write(tmp_path / "one", 12, ORDERS[:1])
    write(tmp_path / "other", 12, ORDERS[1:])
    settings = {"steps": 2} if encoder == "masked" else {"features": 200}
    fitted = fit_encoder(encoder, load_pool(tmp_path / "one"), folder=tmp_path / "encoders", **settings)
    one, other = (np.concatenate(list(fitted.batches(load_pool(tmp_path / n), 5))) for n in ("one", "other"))
    assert np.allclose(one, other, atol=1e-5)


def test_new_files_of_another_order_never_move_the_channels_of_a_pool(tmp_path: Path) -> None:
    write(tmp_path / "rec", 4, ORDERS[:1])
    manifest = tmp_path / "pool.parquet"

    def load() -> Pool:
        pool = load_manifest(manifest, open_source(tmp_path / "rec"))
        save_manifest(pool, manifest)
        return pool

    assert load().axes.channels == ("x", "y")
    first = np.asarray(load().read(0))
    write(tmp_path / "rec/later", 20, ORDERS[1:], seed=5)
    (tmp_path / "rec/lone.csv").write_text("x\n1\n2\n")
    for _ in range(2):  # the second time from the manifest
        grown = load()
        assert grown.axes.channels == ("x", "y") and len(grown) == 24
        assert np.array_equal(np.asarray(grown.read(grown.row("on_x/00.csv"))), first)
        assert [bad.id for bad in grown.unreadable] == ["lone.csv"]


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (None, "has no header line, so its channels have no names; most files have the channels 'x', 'y'"),
        (["x"], "lacks the channel 'y'; most files have"),
        (["x", "y", "z"], "has the channel 'z' too; most files have"),
        (["X", "Y"], "lacks the channels 'x', 'y' and has 'X', 'Y' too; most files have"),
    ],
)
def test_one_file_with_other_channels_is_set_aside_by_name(tmp_path: Path, header: list[str] | None, said: str) -> None:
    write(tmp_path, 6)
    values = np.random.default_rng(0).normal(size=(30, len(header or "xy")))
    pd.DataFrame(values).to_csv(tmp_path / "odd.csv", index=False, header=header or False)
    pool = load_pool(tmp_path)
    assert len(pool) == 6 and [bad.id for bad in pool.unreadable] == ["odd.csv"]
    assert pool.unreadable[0].why.startswith(said)


def test_tables_without_names_go_by_the_number_of_their_columns(tmp_path: Path) -> None:
    for i, columns in enumerate((2, 2, 2, 3)):
        pd.DataFrame(np.random.default_rng(i).normal(size=(9, columns))).to_csv(
            tmp_path / f"{i}.csv", index=False, header=False
        )
    pool = load_pool(tmp_path)
    assert pool.ids == ("0.csv", "1.csv", "2.csv")
    assert pool.unreadable[0].why == "has 3 channels; most files have 2"


def test_two_columns_of_one_name_are_read_only_in_the_order_of_the_others(tmp_path: Path) -> None:
    for i in range(3):
        pd.DataFrame(np.ones((5, 3)) * [1, 2, 3]).to_csv(tmp_path / f"{i}.csv", index=False, header=["a", "a", "b"])
    pd.DataFrame(np.ones((5, 3))).to_csv(tmp_path / "z.csv", index=False, header=["a", "b", "a"])
    pool = load_pool(tmp_path)
    assert len(pool) == 3 and np.asarray(pool.read(0))[:, 0].tolist() == [1, 2, 3]
    assert pool.unreadable[0].why.startswith("has two channels of one name, in another order")
