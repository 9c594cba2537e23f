"""Sets of texts in many scripts, made of translated manuals in Debian packages.

    python tests/benchmarks/text_scripts_data.py --folder FOLDER [--packages PACKAGES]

writes ``FOLDER/NAME.parquet`` (``text``, ``label``) for each set. The packages are fetched with ``apt-get download``
and unpacked with ``dpkg-deb``; ``--packages`` keeps them. An item is a paragraph of 15 to 400 letters; its class is the
section of the manual page, the program of LibreOffice that a help page is about, or the catalogue of a message.
Paragraphs that were left in English are not taken where the language has another script. The texts are under the
licences of their packages and are not part of the project.
"""

from __future__ import annotations

import argparse
import gettext
import gzip
import html
import re
import subprocess
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

#: Set -> packages, and the language whose folder is read.
SETS: dict[str, tuple[tuple[str, ...], str]] = {
    "man_de": (("manpages-de", "manpages-de-dev"), "de"),
    "man_fr": (("manpages-fr", "manpages-fr-dev"), "fr"),
    "man_ja": (("manpages-ja", "manpages-ja-dev"), "ja"),
    "man_pl": (("manpages-pl", "manpages-pl-dev"), "pl"),
    "man_ru": (("manpages-ru", "manpages-ru-dev"), "ru"),
    "man_tr": (("manpages-tr",), "tr"),
    "man_zh": (("manpages-zh",), "zh_CN"),
    "help_fi": (("libreoffice-help-fi",), "fi"),
    "help_hi": (("libreoffice-help-hi",), "hi"),
    "help_ja": (("libreoffice-help-ja",), "ja"),
    "help_km": (("libreoffice-help-km",), "km"),
    "help_ko": (("libreoffice-help-ko",), "ko"),
    "help_tr": (("libreoffice-help-tr",), "tr"),
    "help_zh": (("libreoffice-help-zh-cn",), "zh-CN"),
    "messages_ar": (("libreoffice-l10n-ar",), "ar"),
    "messages_th": (("libreoffice-l10n-th",), "th"),
}

#: Languages that are written in Latin letters: nothing tells their paragraphs from English ones.
LATIN = {"de", "fi", "fr", "pl", "tr"}

_SPACES = re.compile(r"\s+")


def unpack(packages: tuple[str, ...], folder: Path) -> list[Path]:
    """Fetch packages that are not there yet and return the folders that they were unpacked into."""
    found = []
    for package in packages:
        target = folder / package
        if not target.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            subprocess.run(["apt-get", "download", package], cwd=folder, check=True, capture_output=True)
            (archive,) = folder.glob(f"{package}_*.deb")
            subprocess.run(["dpkg-deb", "-x", archive, target], check=True)
        found.append(target)
    return found


def manual_paragraphs(source: str) -> Iterator[str]:
    """Paragraphs of a manual page without the markup of troff."""
    lines: list[str] = []
    for line in [*source.splitlines(), ".PP"]:
        if re.match(r"\.(PP|P|LP|TP|IP|HP|SH|SS|Pp|It|Sh|Ss|sp|RS|RE|nf|fi|EX|EE)\b", line) or not line.strip():
            yield plain(" ".join(lines))
            lines = []
        elif match := re.match(r"\.(?:[BIR]{1,2}|SM|SB|Nm|Fl|Ar|Xr|Em|Li|Dq)\s+(.*)", line):
            lines.append(match[1].replace('"', ""))
        elif not line.startswith((".", "'")):
            lines.append(line)


def plain(text: str) -> str:
    """Take the escapes of troff out of a text."""
    text = re.sub(r"\\f(?:\[\w*\]|\(..|.)|\\[&%/,:|^cdu]|\\s[+-]?\d+|\\\".*", "", text)
    text = re.sub(r"\\\(..|\\\[[^]]*\]|\\\*(?:\(..|\[[^]]*\]|.)", " ", text).replace("\\-", "-").replace("\\e", "\\")
    return _SPACES.sub(" ", re.sub(r"\\[ ~0]", " ", text)).strip()


def manuals(folder: Path, language: str) -> Iterator[tuple[str, str]]:
    """(class, paragraph) of all manual pages; the class is the section."""
    for path in sorted(folder.glob(f"usr/share/man/{language}/man*/*.gz")):
        if not path.is_file():
            continue
        source = gzip.decompress(path.read_bytes()).decode("utf-8", "replace")
        for text in manual_paragraphs(source):
            yield f"section {path.parent.name[3:4]}", text


def helps(folder: Path, language: str) -> Iterator[tuple[str, str]]:
    """(class, paragraph) of the help pages of LibreOffice; the class is the program."""
    root = folder / "usr/share/libreoffice/help" / language / "text"
    for path in sorted(root.rglob("*.html")):
        program = path.relative_to(root).parts[0]
        if program in ("shared", "autopi"):
            continue
        for text in re.findall(r'<p id="par_[^>]*class="paragraph"[^>]*>(.*?)</p>', path.read_text("utf-8"), re.S):
            yield program, _SPACES.sub(" ", html.unescape(re.sub(r"<[^>]+>", "", text))).strip()


def messages(folder: Path, language: str) -> Iterator[tuple[str, str]]:
    """(class, message) of the catalogues of LibreOffice; the class is the catalogue."""
    for path in sorted(folder.glob(f"usr/lib/libreoffice/program/resource/{language}/LC_MESSAGES/*.mo")):
        with path.open("rb") as file:
            catalogue = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
        for asked, text in catalogue.items():
            if asked and isinstance(text, str):
                yield path.stem, _SPACES.sub(" ", re.sub(r"[_~]|<[^>]+>", "", text)).strip()


def is_translated(text: str, language: str) -> bool:
    """Say whether enough of a paragraph is in its language's script."""
    letters = [char for char in text if unicodedata.category(char)[0] in "LM"]
    if not 15 <= len(letters) <= 400:
        return False
    return language in LATIN or sum(char > "\u02ff" for char in letters) >= 0.6 * len(letters)


def make(name: str, packages: Path) -> tuple[list[str], list[str]]:
    """Texts and classes of a set: at most 300 paragraphs of each class that has 90, each only once."""
    wanted, language = SETS[name]
    reader = {"man": manuals, "help": helps, "messages": messages}[name.split("_")[0]]
    classes: dict[str, dict[str, None]] = {}
    seen: set[str] = set()
    for folder in unpack(wanted, packages):
        for label, text in reader(folder, language):
            if text not in seen and is_translated(text, language):
                seen.add(text)
                classes.setdefault(label, {})[text] = None
    rng = np.random.default_rng(0)
    rows = [
        (text, label)
        for label, found in sorted(classes.items())
        if len(found) >= 90
        for text in rng.permutation(np.array(list(found), dtype=object))[:300]
    ]
    order = rng.permutation(len(rows))
    return [str(rows[i][0]) for i in order], [rows[i][1] for i in order]


def main() -> None:
    """Make all sets that are not there yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where the sets are written")
    parser.add_argument("--packages", type=Path, help="where packages are kept (default: FOLDER/packages)")
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=list(SETS))
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    for name in asked.sets:
        target = asked.folder / f"{name}.parquet"
        if target.exists():
            continue
        texts, labels = make(name, asked.packages or asked.folder / "packages")
        pq.write_table(pa.table({"text": texts, "label": labels}), target)
        print(f"{name}: {len(texts)} texts, {len(set(labels))} classes")


if __name__ == "__main__":
    main()
