"""docs/reference/formats.md is made from the registries: ``python tests/docs/test_formats.py`` writes it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from activessl.labels.files.registry import FORMS
from activessl.pool.columns import TABLES
from activessl.pool.decoders.readers import _EXTRAS
from activessl.pool.decoders.sounds import ENDINGS
from activessl.pool.forms.registry import forms
from activessl.pool.recordings.cut import VIDEOS
from activessl.pool.series_source import SERIES_FILES

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reference" / "formats.md"
FILES = ROOT / "tests" / "formats" / "files"


class Row(NamedTuple):
    """A row of the page.

    Attributes:
        title: The form.
        read: What is read.
        not_read: What is not read, or refused.
        by: The package that reads it, and its extra.
        tests: Folders of ``tests/formats/files`` whose versions are named.
        suffixes: The suffixes that the row is about.
        tried: Instead of versions of such files.
    """

    title: str
    read: str
    not_read: str
    by: str
    tests: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()
    tried: str = ""


DATA = (
    Row(
        "list of files",
        "a path for each item, relative to the table, or an address; `id`, `label`, `split`; other columns are "
        "metadata",
        "files outside of the folder of the table; addresses inside of the network, unless they are allowed",
        "activessl; `.xlsx`: openpyxl (`xlsx`)",
        ("list-csv", "list-jsonl", "list-parquet", "list-xlsx"),
        (".csv", ".tsv", ".jsonl", ".xlsx", ".parquet", ".pq"),
    ),
    Row(
        "table of texts",
        "the column `text`, or one of usual names; `id`, `label`, `split`; other columns are metadata",
        "several columns of texts in one item; nested keys",
        "activessl; `.xlsx`: openpyxl (`xlsx`)",
        ("text-csv", "text-jsonl", "text-xlsx"),
        (".csv", ".tsv", ".jsonl", ".xlsx"),
    ),
    Row(
        "addresses: `s3://`, `https://`, `http://`, `zip://`",
        "a folder of files or of archives, a `.tar`, a list as `.csv`, `.tsv` or `.jsonl`; also each address in a list",
        "`.npz`, `.parquet`, `.xlsx` and tables of texts or series: copy them to the disk",
        "fsspec; s3fs (`s3`), aiohttp (`https`)",
        tried="s3fs 2026.9.0 and moto 5.2.5, aiohttp 3.14.5",
    ),
    Row(
        "addresses: `gs://`, `hf://`",
        "as `s3://`",
        "as `s3://`",
        "fsspec; gcsfs (`gs`), huggingface_hub (`backbone`)",
        tried="not tried: they need a network",
    ),
    Row(
        "tar archives of samples (WebDataset)",
        "the member of the form in each sample, by its place; `.cls`, or `label` in `.json`, is the label; other plain "
        "values of `.json` are metadata; archives on the disk, at addresses, or listed in a table",
        "compressed archives; links; further pictures of a sample, which is told",
        "activessl",
        ("webdataset",),
        (".tar",),
    ),
    Row("folder of texts", "UTF-8", "PDF, other encodings", "activessl", (), (".txt",), "by hand"),
    Row(
        "parquet of Hugging Face `datasets`",
        "columns `Image`, `Audio` and text, with bytes or with a path below the table; names of a `ClassLabel`; "
        "other columns are metadata",
        "columns with several values in a row",
        "pyarrow",
        ("datasets",),
        (".parquet", ".pq"),
    ),
    Row(
        "npz",
        "`images`, `X`, `vectors`, or packed `data`; `ids`, `labels`, `class_names`, `channel_names`, `axes`, `split`; "
        "other arrays with a value for each item are metadata",
        "pickled objects",
        "numpy",
        ("npz",),
        (".npz",),
    ),
    Row(
        "MATLAB",
        "the arrays of npz, by the same names",
        "version 7.3 (HDF5), structs",
        "SciPy",
        ("mat",),
        (".mat",),
    ),
    Row(
        "PNG, JPEG, GIF, WebP and others",
        "8 bits; gray of 16 bits; EXIF orientation; transparency on white; the first frame, which is told",
        "floating point; colors of 16 bits are read as 8, which is told",
        "Pillow",
        ("png16", "gif", "webp", "jpeg"),
        (".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp"),
    ),
    Row(
        "TIFF, OME-TIFF, ImageJ",
        "16 bits, white as zero; up to three channels as pages become one picture",
        "further pages and planes, which is told; more than three channels",
        "Pillow",
        ("tiff16", "ome-tiff"),
        (".tif", ".tiff"),
    ),
    Row("HEIC", "8 bits", "sequences", "pillow-heif (`heic`)", (), (".heic", ".heif"), "pillow-heif 1.8.1"),
    Row(
        "DICOM",
        "rescale, the first window or table of values, MONOCHROME1, palettes, RGB; the first frame, which is told",
        "files without a suffix; floating point; compression that pydicom needs another package for",
        "pydicom (`dicom`)",
        ("dicom",),
        (".dcm", ".dicom"),
    ),
    Row(
        "folder of CSV, a recording each",
        "channels by name; times decide order, missing lines and step; missing values stay missing",
        "lines of different length; long pauses",
        "activessl",
        (),
        (".csv",),
        "by hand",
    ),
    Row(
        "EDF, EDF+, BDF",
        "all signals by name, in physical units; slower ones are interpolated to the fastest, which is told",
        "interrupted files (EDF+D); annotations",
        "pyEDFlib (`edf`)",
        ("edf", "bdf"),
        (".edf", ".bdf"),
    ),
    Row(
        "WFDB",
        "`.hea` with the files of signals that it names, in physical units; missing values",
        "records of several segments; annotations; faster channels are averaged, which is told",
        "wfdb (`wfdb`)",
        ("wfdb",),
        (".hea",),
    ),
    Row(
        "`.ts` of aeon and sktime",
        "any number of channels, series of different length, `?`; names of classes keep their case",
        "times beside the values; numbers to predict instead of classes",
        "activessl",
        ("ts",),
        (".ts",),
    ),
    Row("ARFF", "one channel, one nominal class", "several channels (relational)", "SciPy", ("arff",), (".arff",)),
    Row("`.tsv` of the UCR archive", "class first; NaN is missing", "a header", "activessl", ("ucr",), (".tsv",)),
    Row(
        "table with a row for each series",
        "with `--modality series` or `vector`: all columns of numbers but `id`, `label`, `split`, `group`, in their "
        "order; with `id`, columns of words are metadata",
        "columns of other values; a table that may be one recording",
        "activessl",
        ("wide-csv",),
        (".csv", ".tsv", ".jsonl", ".xlsx"),
    ),
    Row(
        "table with a row for each moment",
        "with `--modality series`: `id`, a time, and a column for each channel, or `channel` and `value`; "
        "columns of words are metadata",
        "two values of one moment; rows of one series with two labels",
        "activessl",
        ("long-csv", "melted-csv"),
        (".csv", ".tsv", ".jsonl", ".xlsx"),
    ),
    Row(
        "WAV",
        "8 to 64 bits, floating point, any rate; channels are averaged, then 16,000 samples a second",
        "compressed WAV; more than ten minutes without `--window`",
        "SciPy",
        ("wav24", "wav-float"),
        (".wav", ".wave"),
    ),
    Row(
        "FLAC, OGG, Opus, MP3",
        "as WAV",
        "more than ten minutes without `--window`",
        "soundfile (`sound`)",
        ("flac", "ogg", "mp3"),
        (".flac", ".ogg", ".oga", ".opus", ".mp3"),
    ),
    Row(
        "videos",
        "with `--frames`: the first frame that is shown at each time or later, by the times of the file; rotation",
        "sound; playlists under the name of a video",
        "OpenCV (`video`)",
        (),
        VIDEOS,
        "opencv-python-headless 4.12.0",
    ),
    Row(
        "windows of sounds, EDF, BDF, WFDB",
        "with `--window`: each window from its place in the file, of any length",
        "WAV of 24 bits without soundfile; WFDB of several segments",
        "as above",
        (),
        (*ENDINGS, ".edf", ".bdf", ".hea"),
        "soundfile 0.14.0, pyedflib 0.1.42, wfdb 4.3.1",
    ),
    Row(
        "windows of CSV files, tables, arrays and texts",
        "with `--window`: the file is decoded as a whole, two at a time",
        "CSV files above 128 MB, texts above 16 MB",
        "as above",
        (),
        (".csv", ".ts", ".npz", ".txt"),
        "by hand",
    ),
)

_NOBODY = "an item without a label is not labeled"
LABELS: dict[str, Row] = {
    "label-studio": Row(
        "",
        "classes, skips, ground truth, annotator, time, seconds",
        "regions",
        "activessl",
        (),
        (),
        "Label Studio 1.23.2",
    ),
    "label-studio-rows": Row(
        "",
        "classes, annotator, time, seconds",
        "skips and ground truth, which these files do not have",
        "activessl",
        (),
        (),
        "Label Studio 1.23.2",
    ),
    "doccano": Row(
        "", f"classes; {_NOBODY}", "spans, fastText; annotators, which are not in the file", "activessl", ("doccano",)
    ),
    "prodigy": Row(
        "",
        "`accept` is a label, `ignore` a skip; annotator, time",
        "`reject` where an item has one class; spans",
        "activessl",
        ("prodigy",),
        (),
        "from its documentation",
    ),
    "argilla": Row(
        "",
        "submitted answers, discarded ones as skips; annotator",
        "drafts; in `to_json`, answers to pending records, because it has no status",
        "activessl",
        ("argilla", "argilla-rows"),
    ),
    "coco": Row(
        "",
        "annotations without a box, or with one as large as the image",
        "boxes and masks, unless `--boxes-as-classes`; an image without annotations is not labeled",
        "activessl",
        ("coco", "coco-boxes"),
    ),
    "voc": Row(
        "",
        "the lists in `ImageSets/Main`",
        "objects, unless `--boxes-as-classes`; a file without objects is not labeled, unless it is marked as verified",
        "activessl",
        ("voc-lists", "voc-boxes", "voc-boxes-supervision"),
    ),
    "yolo": Row(
        "",
        "with `--boxes-as-classes`: the classes of the boxes",
        "predictions with a confidence; an empty file is not a label",
        "activessl; PyYAML",
        ("yolo", "yolo-yaml"),
    ),
    "labelme": Row(
        "",
        "flags that are set",
        "shapes, unless `--boxes-as-classes`; unset flags are not a label",
        "activessl",
        ("labelme",),
    ),
    "cvat": Row(
        "",
        "tags of images",
        "shapes, unless `--boxes-as-classes`; tracks; tags by a model; annotators, which are not in the file",
        "defusedxml",
        ("cvat",),
        (),
        "from its documentation, and as datumaro writes it",
    ),
    "fiftyone": Row(
        "",
        "`labels.json` and `samples.json`; several classes",
        "labels with a confidence, which are a model's; boxes, unless `--boxes-as-classes`",
        "activessl",
        ("fiftyone",),
    ),
    "folders": Row(
        "",
        "a folder for each class, also below `train` and `val`; items are found by their content",
        "folders that are no class of the project",
        "activessl",
        ("folders",),
    ),
    "table": Row(
        "",
        "`class`, `label` and other names; annotator, time; of an export of activessl, only labels of people",
        "two people in one row",
        "activessl, pyarrow",
        (),
        (),
        "pandas, spreadsheets",
    ),
}


def page() -> str:
    """The page."""
    return "\n".join([*_page(), ""])


def _page() -> Iterator[str]:
    yield "# The forms of data and labels"
    yield ""
    yield "What `activessl init` and `activessl import` read, by which package, and with which versions it was tried."
    yield "The files of the tests are written by the library that owns the form, and what is read must equal what that"
    yield "library reads. Extras are in brackets: `pip install 'activessl[dicom]'`."
    yield "`tests/docs/test_formats.py` makes this page; `make formats` writes the files of the tests anew."
    yield ""
    yield "## Data"
    yield ""
    yield "| form | suffixes | read | not read | by | tried with |"
    yield "|---|---|---|---|---|---|"
    for row in DATA:
        suffixes = ", ".join(f"`{one}`" for one in row.suffixes)
        yield f"| {row.title} | {suffixes} | {row.read} | {row.not_read} | {row.by} | {_tried(row)} |"
    yield ""
    yield "A table is a list of files if a column such as `path` has names of files, else a table of texts."
    yield "What is left out of a file is told by `init` and `check`."
    yield "Of a `.ts`, a UCR `.tsv` or a CSV of series above 64 MB, one row at a time is in memory."
    yield "There, a row with a wrong value is unreadable; a smaller file is refused."
    yield "[Long recordings](../how-to/recordings.md) are cut into windows, videos into frames."
    yield ""
    yield "## Labels"
    yield ""
    yield "A form is known by its marks, not by its name; `--form NAME` says it."
    yield "*Not labeled*, *none of the classes* and *skipped* are three things."
    yield "What cannot be read is counted and told."
    yield ""
    yield "| `--form` | form | known by | read | not read | by | tried with |"
    yield "|---|---|---|---|---|---|---|"
    for name, form in FORMS.items():
        row = LABELS[name]
        yield f"| `{name}` | {form.title} | {form.marks} | {row.read} | {row.not_read} | {row.by} | {_tried(row)} |"


def _tried(row: Row) -> str:
    packages: dict[str, str] = {}
    for test in row.tests:
        packages |= json.loads((FILES / test / "versions.json").read_text()).get("packages", {})
    helpers = {"numpy", "setuptools", "marshmallow", "requests"} | ({"pandas"} if "doccano" in packages else set())
    owned = [f"{name} {version}" for name, version in packages.items() if name not in helpers or len(packages) == 1]
    if {"pandas", "openpyxl", "scipy"} <= packages.keys():  # the environment of many forms: only the owners
        kept = {
            "list-csv": ("pandas", "pyarrow", "openpyxl"),
            "text-csv": ("pandas", "openpyxl"),
            "npz": ("numpy",),
            "mat": ("scipy",),
            "png16": ("pillow",),
            "tiff16": ("tifffile",),
            "wav24": ("soundfile",),
            "flac": ("soundfile",),
        }.get(row.tests[0], ("pandas",))
        owned = [f"{name} {packages[name]}" for name in kept]
    return row.tried or ", ".join(owned)


def test_the_page_of_forms_is_what_the_registries_and_the_tests_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python tests/docs/test_formats.py"


def test_every_form_of_labels_has_a_row() -> None:
    assert list(LABELS) == list(FORMS)


def test_every_suffix_that_is_read_has_a_row() -> None:
    told = {suffix for row in DATA for suffix in row.suffixes}
    read = {*TABLES, *SERIES_FILES, ".npz", ".mat", ".parquet", ".pq"}
    read |= {suffix for form in forms() if form.files and form.name != "image" for suffix in form.files.suffixes()}
    assert read - told == set()
    image = next(form for form in forms() if form.name == "image")
    assert image.files is not None
    images = {suffix for row in DATA if row.by.startswith(("Pillow", "pillow", "pydicom")) for suffix in row.suffixes}
    assert images <= set(image.files.suffixes())  # Pillow reads more kinds, which nobody tried


def test_every_file_of_the_tests_is_named_on_the_page_and_has_its_versions() -> None:
    named = {test for row in (*DATA, *LABELS.values()) for test in row.tests}
    there = {path.parent.name for path in FILES.glob("*/versions.json")}
    assert named == there == {path.name for path in FILES.iterdir()}
    assert len(there) >= 40


def test_every_extra_is_named() -> None:
    assert all(f"(`{extra}`)" in page() for extra, _ in _EXTRAS.values())


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
