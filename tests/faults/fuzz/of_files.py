"""Parsers of what people bring: files of labels, pictures, sounds, series, tables, vectors and texts."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from fuzz.answers import task
from fuzz.home import npy
from fuzz.parsers import parser

FILES = Path(__file__).parents[2] / "formats" / "files"


def _files(*patterns: str, most: int = 60_000) -> Callable[[], Sequence[bytes]]:
    def seeds() -> Sequence[bytes]:
        found = sorted({path for pattern in patterns for path in FILES.glob(pattern) if path.is_file()})
        contents = [path.read_bytes() for path in found if path.name not in ("versions.json", "expected.json")]
        return [content for content in contents if len(content) <= most] or [contents[0][:most]]

    return seeds


def _labels(suffix: str) -> Callable[[bytes, Path], object]:
    def read(content: bytes, folder: Path) -> object:
        from activessl.labels.files.opened import Options, open_labels
        from activessl.labels.files.registry import form_of
        from activessl.labels.kinds import kind_named

        path = folder / f"labels{suffix}"
        path.write_bytes(content)
        opened = open_labels(path)
        return form_of(opened, None).read(opened, Options(kind_named("one"), ("cat", "dog"), None, True))

    return read


def _stored_labels(name: str) -> Callable[[bytes, Path], object]:
    def read(content: bytes, folder: Path) -> object:
        from activessl.pool.stored_labels import read_labels

        path = folder / name
        path.write_bytes(content)
        return read_labels(path)

    return read


parser(
    "labels, JSON",
    _files("argilla/*.json", "coco*/**/*.json", "labelme/*.json", "fiftyone/*.json", "prodigy*/**/*.json"),
)(_labels(".json"))
parser("labels, JSON lines", _files("*doccano*/**/*.jsonl", "prodigy*/**/*.jsonl", "argilla-rows/*.jsonl"))(
    _labels(".jsonl")
)
parser("labels, XML", _files("cvat/**/*.xml", "voc*/**/*.xml"))(_labels(".xml"))
parser("labels, CSV", lambda: [b"id,label\na.png,cat\nb.png,dog\n", b"file;class;annotator\na;cat;ann\nb;;bob\n"])(
    _labels(".csv")
)
parser("labels, workbook", _files("list-xlsx/*.xlsx", "text-xlsx/*.xlsx"))(_stored_labels("a.xlsx"))
parser("labels, Label Studio export", lambda: [json.dumps([task()]).encode()])(_labels(".json"))


#: Endings of files that are a whole pool.
_ONE_FILE = (".csv", ".jsonl", ".parquet", ".npz", ".xlsx", ".ts", ".arff", ".mat")


def _pool(name: str, modality: str | None = None) -> Callable[[bytes, Path], object]:
    def read(content: bytes, folder: Path) -> object:
        from activessl.pool.sources import load_pool

        path = folder / name
        if path.suffix == ".ts" and b"@relation" in content.lower():
            path = path.with_suffix(".arff")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        where = path if path.suffix in _ONE_FILE and path.parent == folder else path.parent
        pool = load_pool(where, modality)  # type: ignore[arg-type]
        return [pool.read(row) for row in range(min(len(pool), 3))]

    return read


for _ending, _patterns in {
    "png": ("png16/**/*.png", "voc-boxes-supervision/**/*.png"),
    "jpg": ("jpeg/**/*.jpg", "yolo/**/*.jpg"),
    "gif": ("gif/**/*.gif",),
    "webp": ("webp/**/*.webp",),
    "tif": ("tiff16/**/*.tif*", "ome-tiff/**/*.tif"),
    "dcm": ("dicom/**/*.dcm",),
}.items():
    parser(f"pictures, {_ending}", _files(*_patterns))(_pool(f"a.{_ending}", "image"))
for _ending, _patterns in {
    "wav": ("wav*/**/*.wav",),
    "flac": ("flac/**/*.flac",),
    "ogg": ("ogg/**/*.ogg",),
    "mp3": ("mp3/**/*.mp3",),
}.items():
    parser(f"sounds, {_ending}", _files(*_patterns, most=12_000))(_pool(f"a.{_ending}", "audio"))
parser("series, CSV", _files("wide-csv/*.csv", "long-csv/*.csv", "melted-csv/*.csv", most=4_000))(
    _pool("a.csv", "series")
)
parser("series, folder of CSV", lambda: [b"t,x,y\n" + b"0,1,2\n1,2,3\n2,3,4\n" * 3, b"1;2\n3;4\n5;6\n7;8\n"])(
    _pool("b.csv.d/a.csv", "series")
)
parser("series, ts and arff", _files("ts/*.ts", "arff/*.arff", most=8_000))(_pool("a.ts", "series"))
parser("series, EDF", _files("edf/**/*.edf", "bdf/**/*.bdf", most=40_000))(_pool("a.edf", "series"))
parser("series, mat", _files("mat/**/*.mat", most=40_000))(_pool("a.mat", "series"))
parser("table, CSV", _files("list-csv/*.csv", "text-csv/*.csv"))(_pool("a.csv"))
parser("table, JSON lines", _files("list-jsonl/*.jsonl", "text-jsonl/*.jsonl"))(_pool("a.jsonl"))
parser("table, workbook", _files("list-xlsx/*.xlsx", "text-xlsx/*.xlsx"))(_pool("a.xlsx"))
parser("table, parquet", _files("list-parquet/*.parquet", "datasets/*.parquet"))(_pool("a.parquet"))
parser("vectors, npz", _files("npz/*.npz"))(_pool("a.npz"))
parser("text file", lambda: [b"some text\nof two lines", "größer 傷".encode("utf-16"), "größer".encode("latin-1")])(
    _pool("a.txt", "text")
)


@parser("array, npy", lambda: [npy()])
def _array(content: bytes, folder: Path) -> object:
    from activessl.sealed import read_array

    path = folder / "a.npy"
    path.write_bytes(content)
    try:
        return float(read_array(path, mmap_mode="r").sum())
    except (ValueError, OSError) as error:  # as it states
        return error


@parser("metadata, CSV", lambda: [b"id,site,day\na,north,1\nb,south,2\n"])
def _metadata(content: bytes, folder: Path) -> object:
    from activessl.pool.columns import read_columns

    path = folder / "m.csv"
    path.write_bytes(content)
    return read_columns(path)
