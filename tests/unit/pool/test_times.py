"""Times, comments and axes of series, as pandas, numpy and scikit-learn's kind of arrays have them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from activessl.annotators.oracle import Oracle
from activessl.errors import PoolError
from activessl.pool.decoders.recordings import read_recording
from activessl.pool.sources import load_pool
from activessl.scoring.model import Model
from activessl.session import Session
from activessl_cli.main import app

VALUES = np.sin(np.arange(40) / 3)
SECONDS = pd.date_range("2024-03-01 10:00", periods=40, freq="s")


def read(table: pd.DataFrame | pd.Series, **options: object) -> tuple[np.ndarray, tuple[str, ...], float | None]:
    found = read_recording(table.to_csv(**options).encode())  # type: ignore[call-overload]
    return np.asarray(found.media), found.remarks, found.step


@pytest.mark.parametrize("name", [None, "time", "timestamp", "Date"])
def test_lines_that_a_datetime_index_lacks_are_missing_values(name: str | None) -> None:
    whole = pd.Series(VALUES, index=SECONDS.rename(name), name="x")
    media, told, step = read(whole)
    assert np.allclose(media[0], VALUES, atol=1e-6) and (told, step) == ((), 1.0)
    media, told, step = read(whole.drop(whole.index[[7, 8, 20]]))
    wanted = VALUES.copy()
    wanted[[7, 8, 20]] = np.nan
    assert np.allclose(media[0], wanted, atol=1e-6, equal_nan=True)
    assert (told, step) == (("missing lines are read as missing values",), 1.0)


@pytest.mark.parametrize("times", [SECONDS, np.arange(40) * 0.5])
def test_a_recording_that_is_stored_newest_first_is_turned(times: pd.Index) -> None:
    table = pd.DataFrame({"time": times, "x": VALUES})
    media, told, _ = read(table.iloc[::-1], index=False)
    assert np.allclose(media[0], VALUES, atol=1e-6)
    assert told == ("lines are turned: the file has the newest first",)


@pytest.mark.parametrize(
    ("times", "step"),
    [
        (np.round(np.arange(40) / 30, 2), 1 / 30),  # rounded to few digits
        (np.arange(40) + np.random.default_rng(0).uniform(-0.2, 0.2, 40), 1.0),  # a clock that is not exact
        (SECONDS.tz_localize("Europe/Berlin"), 1.0),
        (SECONDS.strftime("%H:%M:%S"), 1.0),
        (np.arange(40) * 10.0 + 1e9, 10.0),
    ],
)
def test_rounded_times_and_inexact_clocks_change_nothing(times: object, step: float) -> None:
    media, told, found = read(pd.DataFrame({"time": times, "x": VALUES}), index=False)
    assert np.allclose(media[0], VALUES, atol=1e-6) and told == ()
    assert found == pytest.approx(step, rel=0.03)


def test_uneven_times_are_interpolated_and_not_across_long_pauses() -> None:
    rng = np.random.default_rng(0)
    times = np.cumsum(rng.uniform(0.4, 1.6, 80))
    times[50:] += 6
    media, told, step = read(pd.DataFrame({"time": times, "x": np.sin(times / 3)}), index=False)
    assert told == ("uneven times are interpolated to even steps",) and step is not None
    wanted = np.sin((times[0] + step * np.arange(media.shape[1])) / 3)
    known = ~np.isnan(media[0])
    assert np.abs(media[0] - wanted)[known].max() < 0.05 and 3 < (~known).sum() < 12


@pytest.mark.parametrize(
    ("times", "said"),
    [
        ([*range(20), *range(20)], "line 22: the time in the column 'time' goes back"),
        ([*range(39), 100_000], "line 41: a pause of 99962 by the column 'time', the usual step is 1"),
    ],
)
def test_two_recordings_in_one_file_and_a_long_pause_are_refused_with_the_line(times: list[int], said: str) -> None:
    with pytest.raises(PoolError, match=said):
        read(pd.DataFrame({"time": times, "x": VALUES}), index=False)


def test_times_that_cannot_be_used_are_told_and_an_index_of_numbers_is_none() -> None:
    table = pd.DataFrame({"time": SECONDS.strftime("%d.%m.%Y %H:%M:%S"), "x": VALUES})
    media, told, step = read(table, index=False)
    assert told == ("the column 'time' is neither numbers nor ISO dates: lines keep their order",) and step is None
    table = pd.DataFrame({"time": [i // 4 for i in range(40)], "x": VALUES})
    media, told, step = read(table, index=False)
    assert told == ("several lines have one time: lines are read as equally far apart",) and media.shape == (1, 40)
    media, told, step = read(pd.DataFrame({"x": VALUES}).iloc[::-1])  # a running number says nothing about time
    assert np.allclose(media[0], VALUES[::-1], atol=1e-6) and (told, step) == ((), None)


@pytest.mark.parametrize("delimiter", [" ", ",", ";", "\t"])
@pytest.mark.parametrize("header", ["", "made by a logger", "made: 3, 4\nx{0}y"])
def test_tables_as_numpy_saves_them(delimiter: str, header: str) -> None:
    values, out = np.random.default_rng(0).normal(size=(30, 2)), io.BytesIO()
    np.savetxt(out, values, delimiter=delimiter, header=header.format(delimiter))
    found = read_recording(out.getvalue())
    assert np.allclose(np.asarray(found.media), values.T, atol=1e-6)
    assert found.channels == (("x", "y") if "{" in header else ())


def test_a_comment_above_a_header_or_between_lines_is_no_data_and_lines_keep_their_numbers() -> None:
    content = "# logger 7\n# 2024-01-01\n" + pd.DataFrame({"time": [0, 1, 2], "x": [4, 5, 6]}).to_csv(index=False)
    found = read_recording((content + "# end\n").encode())
    assert np.asarray(found.media).tolist() == [[4, 5, 6]] and found.channels == ("x",)
    with pytest.raises(PoolError, match="line 5: 'off' is not a number"):
        read_recording(content.replace("1,5", "1,off").encode())


def test_files_of_several_rates_are_one_pool_of_one_rate_and_another_unit_is_set_aside(tmp_path: Path) -> None:
    folder = tmp_path / "rec"
    folder.mkdir()
    for i in range(6):
        rate = (50, 50, 50, 100, 25, 50)[i]
        times = np.arange(2 * rate + 1) / rate
        pd.DataFrame({"time": times, "x": np.sin(9 * times), "y": times}).to_csv(folder / f"{i}.csv", index=False)
    pd.DataFrame({"time": np.arange(101) * 20.0, "x": 1.0, "y": 0.5}).to_csv(folder / "ms.csv", index=False)
    pd.DataFrame({"x": VALUES, "y": VALUES}).to_csv(folder / "none.csv", index=False)
    pool = load_pool(folder)
    assert pool.axes.step == pytest.approx(0.02)
    for name in ("3.csv", "4.csv"):
        series = np.asarray(pool.read(pool.row(name)))
        assert series.shape[1] in (100, 101)
        assert np.abs(series[0] - np.asarray(pool.read(0))[0, : series.shape[1]]).max() < 0.15
    assert pool.unreadable[0].why == "has a time step of 20; most files have 0.02"
    said = CliRunner().invoke(app, ["init", str(folder), "--classes", "a,b", "-p", str(tmp_path / "p")]).output
    assert "2 items are resampled to the time step of the others, 0.02 (3.csv)" in said
    assert "1 item is read as if the time step were that of the others (none.csv)" in said


def test_a_model_reads_new_files_at_the_rate_that_it_was_taught(tmp_path: Path) -> None:
    def write(folder: Path, rate: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        for i in range(24):
            path = folder / ("slow", "fast")[i % 2] / f"{i:02}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            times = np.arange(3 * rate) / rate
            wave = np.sin((6, 12)[i % 2] * times + rng.uniform(0, 6)) + 0.02 * rng.normal(size=len(times))
            pd.DataFrame({"time": times, "x": wave}).to_csv(path, index=False)

    write(tmp_path / "rec", 40, 0)
    session = Session.create(tmp_path / "p", tmp_path / "rec", ("slow", "fast"), query_size=8)
    session.encode()
    session.round(Oracle({i: i.split("/")[0] for i in session.project.pool().ids}, ("slow", "fast")))
    session.export_model(tmp_path / "model", onnx=False)
    model = Model.load(tmp_path / "model")
    assert model.axes.step == pytest.approx(1 / 40)
    write(tmp_path / "new", 80, 1)
    for pool in (load_pool(tmp_path / "new"), load_pool(tmp_path / "new", axes=model.axes)):
        rows = list(model.score(pool).rows(model.classes))
        assert [row["class"] for row in rows] == [row["id"].split("/")[0] for row in rows]


def test_an_array_with_more_channels_than_values_is_refused_until_its_axes_are_said(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(8, 60, 3))
    np.savez(tmp_path / "x.npz", X=values)
    with pytest.raises(PoolError, match="60 channels of 3 values, or 3 channels of 60 values") as caught:
        load_pool(tmp_path / "x.npz")
    assert "np.array('time, channels')" in caught.value.hint
    np.savez(tmp_path / "x.npz", X=values, axes=np.array("time, channels"), channel_names=["a", "b", "c"])
    pool = load_pool(tmp_path / "x.npz")
    assert np.allclose(np.asarray(pool.read(2)), values[2].T) and pool.axes.channels == ("a", "b", "c")
    np.savez(tmp_path / "x.npz", X=values, axes=np.array("channels, time"))
    assert load_pool(tmp_path / "x.npz").items[0].shape == (60, 3)
    for bad in ({"axes": np.array("xyz")}, {"axes": np.array("time, channels"), "channel_names": ["a", "b"]}):
        np.savez(tmp_path / "x.npz", X=values, **bad)
        with pytest.raises(PoolError):
            load_pool(tmp_path / "x.npz")
    np.savez(tmp_path / "x.npz", X=values.swapaxes(1, 2))
    assert load_pool(tmp_path / "x.npz").items[0].shape == (3, 60)
