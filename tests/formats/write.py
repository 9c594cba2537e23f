"""Write the files of ``tests/formats/files``: each form by its own library, in an environment of its own.

    python tests/formats/write.py            all forms that are missing
    python tests/formats/write.py coco yolo  these forms anew
    python tests/formats/write.py all        all forms anew

``files/FORM/expected.json`` is what the library itself reads of its file; ``versions.json`` says by which versions it
was written, and when. The environments, with pinned versions, are made below ``.venv/formats`` or
``$ACTIVESSL_FORMATS``.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
FILES = HERE / "files"
ENVIRONMENTS = Path(os.environ.get("ACTIVESSL_FORMATS") or HERE.parents[1] / ".venv" / "formats")


class Writer(NamedTuple):
    """How a form is written.

    Attributes:
        packages: What is installed, pinned; the first owns the form.
        module: The module beside this file with the function.
        function: Writes the form into a folder, and returns what the library reads of it.
    """

    packages: tuple[str, ...]
    module: str
    function: str


#: One environment for the usual libraries of data.
_DATA = (
    *("pandas==3.0.6", "numpy==2.3.5", "scipy==1.17.1", "pyarrow==26.0.1", "openpyxl==3.1.5", "pillow==13.0.0"),
    *("tifffile==2026.3.3", "soundfile==0.14.0"),
)

#: Form of data to its libraries.
_OWNERS = {
    **dict.fromkeys(
        ("wide-csv", "long-csv", "melted-csv", "list-csv", "list-jsonl", "list-parquet", "list-xlsx", "mat", "npz"),
        _DATA,
    ),
    **dict.fromkeys(
        ("text-csv", "text-jsonl", "text-xlsx", "png16", "gif", "webp", "jpeg", "tiff16", "ome-tiff"), _DATA
    ),
    **dict.fromkeys(("wav24", "wav-float", "flac", "ogg", "mp3"), _DATA),
    **dict.fromkeys(("ts", "ucr"), ("aeon==1.6.0",)),
    "arff": ("liac-arff==2.5.0", "aeon==1.6.0"),
    **dict.fromkeys(("edf", "bdf"), ("pyedflib==0.1.42",)),
    "wfdb": ("wfdb==4.3.1",),
    "dicom": ("pydicom==3.0.2", "numpy==2.3.5"),
    "webdataset": ("webdataset==1.0.2", "numpy==2.3.5", "pillow==13.0.0"),
    "datasets": ("datasets==5.2.0", "pillow==13.0.0"),
}

#: Form to writer. Forms without a writer are written by hand, from their documentation.
WRITERS: dict[str, Writer] = {
    **{
        form: Writer(("datumaro==1.13.12", "pillow==12.3.0"), "write_labels", form.replace("-", "_"))
        for form in ("coco", "coco-boxes", "voc-lists", "voc-boxes", "yolo", "cvat", "folders")
    },
    "doccano": Writer(
        # the newer versions of the others that pip takes do not work with it
        ("doccano==1.8.4", "setuptools==65.5.0", "marshmallow==3.26.2", "pandas==1.5.3", "numpy==1.26.4"),
        "write_doccano",
        "doccano",
    ),
    "fiftyone": Writer(("fiftyone==1.22.1",), "write_labels", "fiftyone"),
    "yolo-yaml": Writer(("supervision==0.31.2",), "write_labels", "ultralytics"),
    "voc-boxes-supervision": Writer(("supervision==0.31.2",), "write_labels", "voc_supervision"),
    **{form: Writer(packages, "write_pool", form.replace("-", "_")) for form, packages in _OWNERS.items()},
    "labelme": Writer(("labelme==5.5.0", "pillow==13.0.0"), "write_labels", "labelme"),
    "argilla": Writer(("argilla==2.8.0", "requests==2.34.2"), "write_labels", "argilla"),
    "argilla-rows": Writer(("argilla==2.8.0", "requests==2.34.2"), "write_labels", "argilla_rows"),
}


def main(names: list[str]) -> None:
    """Write the forms, each in its environment."""
    names = list(WRITERS) if names == ["all"] else names
    unknown = sorted(set(names) - set(WRITERS))
    if unknown:
        sys.exit(f"error: unknown form {unknown[0]!r}\n hint: use some of {', '.join(WRITERS)}")
    for name in names or [form for form in WRITERS if not (FILES / form / "versions.json").exists()]:
        python = _environment(WRITERS[name].packages)
        print(f"writing {name}", file=sys.stderr)
        subprocess.run([python, __file__, "--inside", name], check=True)


def _environment(packages: tuple[str, ...]) -> Path:
    folder = ENVIRONMENTS / hashlib.sha256(" ".join(packages).encode()).hexdigest()[:12]
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        print(f"installing {', '.join(packages)}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *packages], check=True)
        (folder / "ready").touch()
    return python


def _inside(name: str) -> None:
    """In the environment of the form: write it, read it again with its library, and note the versions."""
    sys.path.insert(0, str(HERE))
    from importlib import import_module

    writer, folder = WRITERS[name], FILES / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write: Callable[[Path], object] = getattr(import_module(writer.module), writer.function)
    expected = write(folder)
    (folder / "expected.json").write_text(json.dumps(expected, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    versions = {one.partition("==")[0]: version(one.partition("==")[0]) for one in writer.packages}
    note = {"written": datetime.now(UTC).date().isoformat(), "python": sys.version.split()[0], "packages": versions}
    (folder / "versions.json").write_text(json.dumps(note, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        _inside(sys.argv[2])
    else:
        main(sys.argv[1:])
