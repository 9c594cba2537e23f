"""Files as people have them: spreadsheets and JSON lines of texts, WAV files, recordings of loggers."""

from __future__ import annotations

import io
import json
import wave
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.io import wavfile
from typer.testing import CliRunner

from activessl.annotators.oracle import Oracle
from activessl.encoders.sound.mel import choose_mel
from activessl.errors import PoolError
from activessl.pool.decoders.recordings import decode_series
from activessl.pool.decoders.sounds import RATE, decode_wav
from activessl.pool.manifest import load_manifest, save_manifest
from activessl.pool.portable import portable
from activessl.pool.sources import load_pool, open_source
from activessl.pool.stored_labels import read_labels
from activessl.session import Session
from activessl_cli.main import app


def written(path: Path, content: str | bytes, encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_table_as_spreadsheets_write_it(tmp_path: Path, delimiter: str, encoding: str, end: str) -> None:
    rows = [["id", "text", "label"], ["007", '"Größe, ""XL""; rot\tneu\nzweite Zeile"', "gut"], ["8", "ab\u2028c", "1"]]
    path = written(tmp_path / "t.csv", end.join(delimiter.join(row) for row in rows) + end, encoding)
    pool = load_pool(path)
    assert pool.modality == "text" and pool.ids == ("007", "8")
    assert pool.read(0) == 'Größe, "XL"; rot\tneu\nzweite Zeile' and pool.read(1) == "ab\u2028c"
    found = read_labels(pool)
    assert found is not None and found.class_names == ("1", "gut") and found.labels.tolist() == [1, 0]


def test_a_tsv_is_split_at_tabs_only_and_its_one_other_column_is_the_text(tmp_path: Path) -> None:
    path = written(tmp_path / "t.tsv", "comment, if any\tlabel\na, b, c\t0\nd\t2\n")
    pool = load_pool(path)
    assert pool.ids == ("t:0", "t:1") and pool.read(0) == "a, b, c"
    found = read_labels(pool)
    assert found is not None and found.labels.tolist() == [0, 2] and found.class_names is None


def test_json_lines_with_numbers_names_lists_and_a_split(tmp_path: Path) -> None:
    rows = [
        {"text": "eins\u2028zwei", "label": ["a"], "split": 0},
        {"text": "drei", "label": ["b", "a"], "split": 1, "more": 3},
        {"text": "vier", "label": [], "split": 0},
    ]
    path = written(tmp_path / "t.jsonl", "\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n\n")
    pool = load_pool(path)
    assert [pool.read(i) for i in range(3)] == ["eins\u2028zwei", "drei", "vier"]
    found = read_labels(pool)
    assert found is not None and found.split is not None
    assert found.labels.tolist() == [[1, 0], [1, 1], [0, 0]] and found.split.tolist() == [0, 1, 0]


def test_a_row_without_text_is_listed_and_the_rest_goes_on(tmp_path: Path) -> None:
    table = load_pool(written(tmp_path / "t.csv", 'id,text\na,"  "\nb,hello\n'))
    assert table.ids == ("b",) and [bad.why for bad in table.unreadable] == ["text is empty"]
    lines = load_pool(written(tmp_path / "t.jsonl", '{"text": null}\n{"text": "\\ud800 half"}\n'))
    assert lines.ids == ("t:1",) and [bad.id for bad in lines.unreadable] == ["t:0"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("t.csv", "", "has no column 'text'; it has no columns"),
        ("t.csv", "a,b\n1,2\n", "has no column 'text'; it has a, b"),
        ("t.csv", "text,text\n1,2\n", "two columns with the same name"),
        ("t.csv", "id,text\n1,one, two\n", "line 2 of .* has 3 fields, not 2"),
        ("t.csv", 'id,text\n1,"open\n', "cannot be read, line"),
        ("t.csv", "id,text\n1,a\n1,b\n", "two items share one id"),
        ("t.csv", "id,text\n,a\n", "1 ids in .* are empty"),
        ("t.csv", "text\nGröße\n".encode("latin-1"), "is not UTF-8: byte 7"),
        ("t.csv", "text\n", "no usable items"),
        ("t.jsonl", '{"text": "a"}\n[1]\n', "line 2 of .* is not a JSON object"),
        ("t.jsonl", '{"text": "a"}\n{"text"\n', "line 2 of .* is not a JSON object"),
        ("t.jsonl", '{"text": 3}\n', "row 0 of .* has a value that is not text"),
    ],
)
def test_a_table_that_cannot_be_used_says_where_and_why(
    tmp_path: Path, name: str, content: str | bytes, said: str
) -> None:
    with pytest.raises(PoolError, match=said) as caught:
        load_pool(written(tmp_path / name, content))
    assert caught.value.hint


def test_labels_that_are_missing_or_splits_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PoolError, match=r"1 items in .* have no label"):
        read_labels(written(tmp_path / "t.csv", "text,label\na,\nb,c\n"))
    with pytest.raises(PoolError, match=r"'split' in .* has the values 'fold a', 'fold b'"):
        read_labels(written(tmp_path / "t.csv", "text,label,split\na,x,fold a\nb,c,fold b\n"))
    assert read_labels(written(tmp_path / "t.csv", "text\na\n")) is None


def test_the_splits_of_data_sets_have_names(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {"text": list("abcd"), "label": list("xyxy"), "split": ["train", "Test", "validation", "train"]}
    )
    table.to_csv(tmp_path / "t.csv", index=False)
    table.to_parquet(tmp_path / "t.parquet")
    np.savez(
        tmp_path / "t.npz", vectors=np.eye(4), labels=table["label"].to_numpy(str), split=table["split"].to_numpy(str)
    )
    for name in ("t.csv", "t.parquet", "t.npz"):
        found = read_labels(tmp_path / name)
        assert found is not None and found.split is not None
        assert (found.split == 0).tolist() == [True, False, False, True]


def test_a_column_of_texts_may_have_another_name_which_is_told(tmp_path: Path) -> None:
    table = pd.DataFrame({"nr": [1, 2], "Review": ["good one", "bad one"], "stars": [5, 1]})
    table.to_csv(tmp_path / "t.csv", index=False)
    pool = load_pool(tmp_path / "t.csv")
    assert [pool.read(row) for row in range(2)] == ["good one", "bad one"]
    said = CliRunner().invoke(app, ["init", str(tmp_path / "t.csv"), "--classes", "a,b", "-p", str(tmp_path / "p")])
    assert "texts are the column 'Review'" in said.stdout


def test_a_table_of_numbers_gets_no_advice_about_texts_and_a_single_recording_is_no_table(tmp_path: Path) -> None:
    pd.DataFrame(np.zeros((2, 140))).add_prefix("t").to_csv(tmp_path / "wide.csv", index=False)
    with pytest.raises(PoolError, match=r"wide.csv has 140 columns of numbers, and no column of texts") as caught:
        load_pool(tmp_path / "wide.csv")
    assert "--modality series" in caught.value.hint and len(caught.value.message) < 200
    pd.DataFrame({"time": [0, 1], "x": [0.5, 1.5]}).to_csv(tmp_path / "one.csv", index=False)
    with pytest.raises(PoolError, match=r"one.csv .*has a time \('time'\), and no column with the id of") as caught:
        load_pool(tmp_path / "one.csv", "series")
    assert "give a folder with a CSV file for each series" in caught.value.hint


def test_a_long_text_is_read_whole(tmp_path: Path) -> None:
    pool = load_pool(written(tmp_path / "t.csv", f"text\n{'x' * 300_000}\n"))
    assert pool.items[0].shape == (300_000,)


def sound(
    rate: int = 8_000, seconds: float = 0.5, pitch: float = 440.0, dtype: str = "<i2", channels: int = 1
) -> bytes:
    tone = 0.5 * np.sin(2 * np.pi * pitch * np.arange(int(rate * seconds)) / rate)
    kind = np.dtype(dtype)
    values = tone if kind.kind == "f" else 128 + 127 * tone if kind.kind == "u" else tone * np.iinfo(kind).max
    out = io.BytesIO()
    wavfile.write(out, rate, np.repeat(values.astype(kind)[:, None], channels, axis=1).squeeze())
    return out.getvalue()


@pytest.mark.parametrize("dtype", ["u1", "<i2", "<i4", "<f4"])
@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
def test_a_sound_is_the_same_whatever_its_rate_depth_and_channels(dtype: str, rate: int) -> None:
    usual = decode_wav(sound(16_000))[0]
    other = decode_wav(sound(rate, dtype=dtype, channels=2))[0]
    assert len(other) == len(usual) == 8_000 and other.dtype == np.float32
    assert np.abs(other - usual)[200:-200].max() < 0.02


def test_twenty_four_bits() -> None:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(3)
        file.setframerate(RATE)
        file.writeframes((2**22).to_bytes(3, "little", signed=True) * 100)
    assert np.allclose(decode_wav(out.getvalue()), 0.5)


def test_a_folder_of_sounds_is_a_pool_of_which_bad_files_are_listed(tmp_path: Path) -> None:
    written(tmp_path / "on/a.wav", sound(8_000))
    written(tmp_path / "on/b.WAV", sound(44_100))
    written(tmp_path / "off/c.wav", sound()[:30])
    written(tmp_path / "off/d.wav", b"no sound")
    written(tmp_path / "off/e.wav", sound(1_000, 700.0))
    written(tmp_path / "off/f.wav", sound(seconds=0.0))
    pool = load_pool(tmp_path)
    assert pool.modality == "audio" and pool.ids == ("on/a.wav", "on/b.WAV")
    assert {item.shape for item in pool.items} == {(1, 8_000)}
    assert [bad.id for bad in pool.unreadable] == ["off/c.wav", "off/d.wav", "off/e.wav", "off/f.wav"]
    assert "11.7 minutes" in pool.unreadable[2].why
    assert choose_mel(pool).rate == RATE
    assert portable(pool, 1)[1:] == ("wav", "audio/wav") and portable(pool, 1)[0] == sound(44_100)  # as it was recorded

    save_manifest(pool, tmp_path / "pool.parquet")
    assert load_manifest(tmp_path / "pool.parquet", open_source(tmp_path)).items == pool.items


def test_what_is_in_a_folder_decides_what_it_is(tmp_path: Path) -> None:
    written(tmp_path / "a.txt", "ein Text")
    written(tmp_path / "b.txt", "größer".encode("latin-1"))
    written(tmp_path / "c.TXT", "\ufeffnoch einer")
    pool = load_pool(tmp_path)
    assert pool.modality == "text" and pool.ids == ("a.txt", "c.TXT") and pool.read(1) == "noch einer"
    assert [bad.why for bad in pool.unreadable] == ["text is not UTF-8"]

    for i in range(4):
        written(tmp_path / f"{i}.nef", b"picture")
    with pytest.raises(PoolError, match=r"no images, CSV files, text files or sound files in .*, but 4 \.nef"):
        load_pool(tmp_path)
    assert load_pool(tmp_path, "text").ids == pool.ids  # who asks for them gets them

    for i in range(4):
        written(tmp_path / f"{i}.wav", sound(pitch=100.0 * (i + 1)))
    assert load_pool(tmp_path).modality == "audio"


def test_a_list_beside_texts_or_sounds_is_no_recording(tmp_path: Path) -> None:
    written(tmp_path / "list.csv", "file,machine\na.txt,3\n")
    for i in range(3):
        written(tmp_path / f"{i}.txt", f"text {i}")
    assert load_pool(tmp_path).modality == "text"


@pytest.mark.parametrize(
    ("content", "series"),
    [
        ("time,x,y\n0,1,2\n1,,4\n", [[1, None], [2, 4]]),
        ("1,2\n3,4\n", [[1, 3], [2, 4]]),
        ("\ufeffZeit;Druck\r\n0;1,5\r\n1;NaN\r\n2;-2e1\r\n", [[0, 1, 2], [1.5, None, -20]]),
        ("timestamp\tp\n2024-01-01T00:00:00\t7\n", [[7]]),
        ("5\n6\n\n7", [[5, 6, 7]]),
    ],
)
def test_a_recording_as_loggers_write_it(content: str, series: list[list[float | None]]) -> None:
    wanted = np.array(series, dtype=float)
    assert np.array_equal(decode_series(content.encode()), wanted.astype(np.float32), equal_nan=True)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "has no lines"),
        (b"x,y\n", "has no values"),
        (b"x\n\n", "has no values"),
        (b"x,y\n1,2\n3\n", "line 3 has 1 columns, not 2"),
        (b"x,y\n1,2\n3,off\n", "line 3: 'off' is not a number"),
        (b"x\ninf\n", "contains infinity"),
        (b"x\n-1e300\n", "contains infinity"),
        (b"x\nnan\n", "has no values"),
        (b"x\n\xff\n", "not UTF-8"),
        (b'x\n"1\n', "unexpected end"),
    ],
)
def test_a_recording_that_cannot_be_used_says_where_and_why(content: bytes, said: str) -> None:
    with pytest.raises(PoolError, match=said):
        decode_series(content)


def test_a_folder_of_recordings_is_a_pool_of_series(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for i in range(30):
        kind, time = ("slow", "fast")[i % 2], np.arange(60 + i)
        wave_form = np.sin(time * (0.1, 0.9)[i % 2] + rng.uniform(0, 6)) + 0.05 * rng.normal(size=len(time))
        lines = [f"{t},{v:.4f},{'' if t == 9 else round(2 * v, 4)}" for t, v in zip(time, wave_form, strict=True)]
        written(tmp_path / "rec" / kind / f"{i}.csv", "\n".join(["time,a,b", *lines]))
    written(tmp_path / "rec" / "broken.csv", "time,a,b\n0,1\n")
    found = CliRunner().invoke(
        app, ["init", str(tmp_path / "rec"), "--classes", "slow,fast", "--query-size", "6", "-p", str(tmp_path / "p")]
    )
    assert "30 items of kind series" in found.output and "1 item could not be read" in found.output
    session = Session.open(tmp_path / "p")
    assert session.project.pool().items[0].shape[0] == 2
    session.encode()
    truth = {item: item.split("/")[0] for item in session.project.pool().ids}
    session.round(Oracle(truth, ("slow", "fast")))
    assert np.mean([row["class"] == truth[row["id"]] for row in session.table()]) > 0.9


def test_a_project_of_texts_from_a_spreadsheet_from_init_to_its_export(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    words = (["schraube", "mutter", "blech"], ["rechnung", "mahnung", "konto"])
    truth = rng.integers(2, size=120)
    texts = [" ".join(rng.choice(words[k], 5)) + f" {i}" for i, k in enumerate(truth)]
    written(tmp_path / "t.csv", "nr;text\n" + "".join(f"{i};{text}\n" for i, text in enumerate(texts)), "utf-8-sig")

    def run(*arguments: str) -> str:
        found = CliRunner().invoke(app, [*arguments])
        assert found.exit_code == 0, found.output
        return found.output

    assert "120 items of kind text" in run(
        "init", str(tmp_path / "t.csv"), "--classes", "technik,büro", "-p", str(tmp_path / "p")
    )
    session = Session.open(tmp_path / "p")
    session.encode()
    session.round(Oracle({f"t:{i}": ("technik", "büro")[k] for i, k in enumerate(truth)}, ("technik", "büro")))
    run("export", str(tmp_path / "out.jsonl"), "-p", str(tmp_path / "p"))
    said = [json.loads(line)["class"] for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert np.mean([one == ("technik", "büro")[k] for one, k in zip(said, truth, strict=True)]) > 0.95


def test_recordings_are_encoded_and_told_apart(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for i in range(24):
        pitch = (300.0, 2_000.0)[i % 2] * rng.uniform(0.9, 1.1)
        written(tmp_path / "rec" / ("low", "high")[i % 2] / f"{i}.wav", sound((8_000, 22_050)[i // 2 % 2], 0.4, pitch))
    found = CliRunner().invoke(
        app, ["init", str(tmp_path / "rec"), "--classes", "low,high", "--query-size", "6", "-p", str(tmp_path / "p")]
    )
    assert "24 items of kind audio" in found.output, found.output
    session = Session.open(tmp_path / "p")
    session.encode()
    truth = {item: item.split("/")[0] for item in session.project.pool().ids}
    session.round(Oracle(truth, ("low", "high")))
    assert np.mean([row["class"] == truth[row["id"]] for row in session.table()]) == 1.0
