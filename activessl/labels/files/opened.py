"""A file or a folder of labels, parsed only as far as one of the forms asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from activessl.errors import ConfigError, PoolError
from activessl.labels.files.reading import READABLE, parsed
from activessl.labels.kinds import LabelKind
from activessl.pool.disk import list_files
from activessl.pool.plain import read_plain
from activessl.sealed import sha256_of

#: Larger XML files are refused: a tree takes many times the memory of its text.
_MOST_XML = 500_000_000


@dataclass(frozen=True)
class Options:
    """How a file of labels is to be read.

    Attributes:
        kind: How many classes an item may have.
        known: The classes of the project.
        label: The column, the control or the field with the classes; None to find it.
        boxes: Whether the classes of boxes and masks count as classes of the whole image.
    """

    kind: LabelKind
    known: tuple[str, ...]
    label: str | None = None
    boxes: bool = False


@dataclass(frozen=True)
class Opened:
    """A file or a folder of labels.

    Args:
        path: The file or the folder.
    """

    path: Path
    _trees: dict[Path, Any] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def content(self) -> Any:
        """A table as a list of rows, or what a JSON file has; None for a folder, and for XML.

        Raises:
            ConfigError: The file cannot be read, or its ending is not that of a known format.
        """
        if self.path.is_dir() or self.path.suffix.lower() == ".xml":
            return None
        return parsed(self.path)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows of a table, or a list of JSON objects; empty if it is something else."""
        found = self.content
        return found if isinstance(found, list) and all(isinstance(row, dict) for row in found) else []

    @property
    def document(self) -> Mapping[str, Any]:
        """The object in a JSON file; empty if it is something else."""
        return self.content if isinstance(self.content, dict) else {}

    @cached_property
    def files(self) -> tuple[str, ...]:
        """The files below a folder, as paths relative to it, sorted; none if this is a file."""
        return tuple(sorted(name for name, _ in list_files(self.path))) if self.path.is_dir() else ()

    def ending(self, suffix: str) -> list[str]:
        """The files of a folder with an ending; the file itself, as ``""``, where it has that ending."""
        if not self.path.is_dir():
            return [""] if self.path.suffix.lower() == suffix else []
        return [name for name in self.files if name.lower().endswith(suffix)]

    def tree(self, name: str = "") -> Any:
        """The root of an XML file.

        Args:
            name: The file below the folder; empty for the file itself.

        Raises:
            ConfigError: It is not XML.
        """
        path = self.path / name if name else self.path
        if path not in self._trees:
            self._trees[path] = _tree(path)
        return self._trees[path]

    def json(self, name: str) -> Any:
        """What a JSON file of the folder has; ``""`` is the file itself.

        Raises:
            ConfigError: It cannot be read.
        """
        return parsed(self.path / name) if name else self.content

    def text(self, name: str) -> str:
        """The text of a file of the folder.

        Raises:
            ConfigError: It cannot be read as UTF-8.
        """
        path = self.path / name
        try:
            return read_plain(path, _MOST_XML).decode("utf-8-sig")
        except PoolError as error:
            raise ConfigError(error.message, hint=error.hint) from None
        except UnicodeDecodeError:
            raise ConfigError(f"{path} is not UTF-8", hint="save it again as UTF-8") from None

    def hash_of(self, name: str, *folders: str) -> str:
        """The SHA-256 of a file that lies beside the labels, in hex; empty if there is none.

        Only files below the folder that the user gave, or of the labels' file, are read.

        Args:
            name: The path of the file, as the labels name it.
            folders: Folders beside the labels that may have it.
        """
        base = (self.path if self.path.is_dir() else self.path.parent).resolve()
        for folder in ("", *folders):
            try:
                path = (base / folder / name).resolve(strict=True)
                if path.is_relative_to(base) and path.is_file():
                    return sha256_of(path)
            except (OSError, ValueError):
                continue
        return ""


def open_labels(path: Path) -> Opened:
    """Open a file or a folder of labels.

    Raises:
        ConfigError: There is none, or its ending is not that of a known format.
    """
    if not path.exists():
        raise ConfigError(f"cannot read {path}: No such file or directory", hint="check the path")
    if not path.is_dir() and path.suffix.lower() not in (*READABLE, ".xml"):
        ending = path.suffix.lower()
        raise ConfigError(
            f"cannot read {ending or 'a file without an ending'}",
            hint=f"use one of {', '.join((*READABLE, '.xml'))}, or a folder",
        )
    return Opened(path)


def _tree(path: Path) -> Any:
    from xml.etree.ElementTree import ParseError  # only the class of the error: parsing is defusedxml's

    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        return fromstring(read_plain(path, _MOST_XML))
    except PoolError as error:
        raise ConfigError(error.message, hint=error.hint) from None
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:  # LookupError: an unknown encoding
        raise ConfigError(f"cannot read {path}: it is not XML: {error}", hint="export it again") from None


def children(tree: Any, name: str) -> Iterator[Any]:
    """The direct children of an XML element with a name."""
    return (child for child in tree if child.tag == name)


def text_in(tree: Any, path: str) -> str:
    """The text of an element below another one, without spaces around it; empty if there is none."""
    found = tree.find(path)
    return (found.text or "").strip() if found is not None else ""
