"""Items from a list of files: a table with a path or an address for each item, and further columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

from activessl.arguments import listed
from activessl.errors import PoolError, PoolUnreachable
from activessl.pool.addresses import Address, Place, is_address, shown_address
from activessl.pool.columns import Columns
from activessl.pool.describe import described
from activessl.pool.forms.base import Files, Long, Media, Reading
from activessl.pool.forms.registry import form_named, forms
from activessl.pool.listed_places import ListedPlaces
from activessl.pool.plain import MOST_BYTES
from activessl.pool.pool import UNKNOWN_STAMP, Item, Modality, Stamp, Unreadable
from activessl.pool.recordings.cut import VIDEOS
from activessl.pool.texts import TEXT_NAMES

#: The names of columns of paths, the plainest first.
PATH_NAMES = (
    *(
        "path",
        "url",
        "uri",
        "address",
        "file",
        "file_name",
        "filename",
        "filepath",
        "file_path",
        "relative_path",
        "rel_path",
    ),
    *("image", "image_path", "img", "img_path", "audio", "audio_path", "sound", "recording"),
)

#: Columns with a meaning of their own; the others are carried along.
_OWN = frozenset({"id", "label", "label_name", "split"})


class ListSource:
    """A table with a path or an address for each item, such as ``path,label,split,group``.

    Paths are relative to the folder of the table, and lie in it or below: only that folder was given by the user. The
    ids are the column ``id``, else the paths, or the addresses without what signs them. ``columns`` has the other
    columns, such as ``group``.

    Args:
        location: The table.
        table: Its columns.
        modality: The form of data; by default the one that most of the paths have the suffix of.

    Raises:
        PoolError: No column of paths, no rows, no form has such suffixes, or two rows have one path or one id.
        PoolUnreachable: A store does not answer.
    """

    def __init__(self, location: Place, table: Columns, modality: Modality | None = None) -> None:
        column = path_column(table)
        if column is None or not table.n_rows:
            raise PoolError(
                f"{location} has no column of paths; it has {listed(table.names) if table.names else 'no columns'}",
                hint="give the column of paths the name 'path'",
            )
        self._location = location
        paths = [_plain(value) for value in table.values[column]]
        self._modality, self._files = _form(location, paths, modality)
        self.sample_rate = self._files.sample_rate
        named = [shown_address(path) for path in paths]
        ids = [str(value).strip() for value in table.values["id"]] if "id" in table.values else named
        self._check(ids, paths, named="id" in table.values)
        self._paths = dict(zip(ids, paths, strict=True))
        carried = [name for name in table.names if name not in _OWN | {column}]
        #: The further columns: name to the value of each item.
        self.columns: dict[str, dict[str, Any]] = {
            name: dict(zip(ids, table.values[name], strict=True)) for name in carried
        }
        self.stored_labels = table.values.get("label")
        self.stored_split = table.values.get("split")
        self._origin = ListedPlaces(location, paths)
        self.threads = self._origin.threads
        stamps = dict(self._origin.listed())
        self._origin.know({path: size for path, (size, _) in stamps.items()})
        self._stamps = {item_id: stamps[path] for item_id, path in self._paths.items()}

    def _check(self, ids: Sequence[str], paths: Sequence[str], *, named: bool) -> None:
        for what, values in (("id", ids), ("path", paths)):
            empty = sum(not value or value == "None" for value in values) if what == "id" and named else 0
            if empty:
                raise PoolError(f"{empty} ids in {self._location} are empty", hint="give each item an id")
            twice = next((value for value, count in Counter(values).items() if count > 1 and value), None)
            if twice is not None:
                raise PoolError(
                    f"two rows of {self._location} have the {what} {shown_address(twice)[:100]!r}",
                    hint="keep one row for each item",
                )
        if "" in ids:
            row = ids.index("") + 1
            raise PoolError(f"row {row} of {self._location} has no path", hint="fill the cell, or remove the row")

    @property
    def modality(self) -> Modality:
        """The form of data of the files."""
        return self._modality

    @property
    def location(self) -> Place:
        """The table."""
        return self._location

    def __len__(self) -> int:
        return len(self._paths)

    def stamps(self) -> Mapping[str, Stamp]:
        """Size and time of each file when the table was opened."""
        return self._stamps

    def describe(self, item_id: str) -> Item | Unreadable:
        """Hash and decode one file."""
        try:
            return described(item_id, self.content(item_id), self._files.decode, self._files.inspect)
        except PoolUnreachable:
            raise
        except PoolError as error:
            if self._origin.may_come(self._paths[item_id]):
                self._stamps[item_id] = UNKNOWN_STAMP
            return Unreadable(item_id, error.message)

    def scan(self) -> Iterator[Item | Unreadable]:
        """Hash and decode each file, in the order of the rows."""
        ids = list(self._paths)
        with ThreadPoolExecutor(max_workers=self.threads) as workers:
            for start in range(0, len(ids), 256):  # blocks bound the memory
                yield from workers.map(self.describe, ids[start : start + 256])

    def read(self, item_id: str) -> Media:
        """Decode one file."""
        return self._files.decode(self.content(item_id))

    def reading(self, item_id: str) -> Reading:
        """Decode one file, with what it says about the item."""
        content = self.content(item_id)
        return Reading(self._files.decode(content)) if self._files.inspect is None else self._files.inspect(content)

    def expect(self, item_id: str, following: Sequence[str]) -> None:
        """Read ahead in stores; see :class:`activessl.pool.pool.Foreseeing`."""
        self._origin.expect(self._paths[item_id], [self._paths[one] for one in following if one in self._paths])

    def path(self, item_id: str) -> Path | None:
        """The item's file; None of an address."""
        return self._origin.path(self._paths[item_id]) if item_id in self._paths else None

    def address(self, item_id: str) -> Address | None:
        """The item's address, None of a file on the disk or of a path that cannot be read."""
        try:
            found = self._origin.place(self._paths[item_id])
        except (PoolError, KeyError):
            return None
        return found if isinstance(found, Address) else None

    def content(self, item_id: str) -> bytes:
        """The bytes of the file."""
        if item_id not in self._paths:
            raise PoolError(f"{self._location} has no item {item_id!r}", hint="check the id, or open the table again")
        return self._origin.read(self._paths[item_id], min(MOST_BYTES, self._files.most_bytes))

    def file(self, item_id: str) -> Path:
        """The file of an item on the disk, checked at each read: a link may have replaced it.

        Raises:
            PoolError: The table has no such item, or the file is missing, at an address, or lies outside of the folder
                of the table.
        """
        if item_id not in self._paths:
            raise PoolError(f"{self._location} has no item {item_id!r}", hint="check the id, or open the table again")
        at = self._origin.place(self._paths[item_id])
        if isinstance(at, Address):
            raise PoolError(f"{at} is an address", hint="copy the recordings to the disk")
        return at


def _plain(value: Any) -> str:
    """A path with slashes, or an address as it is."""
    text = "" if value is None else str(value).strip()
    return text if is_address(text) else text.replace("\\", "/")


def path_column(table: Columns) -> str | None:
    """The column of paths: one of ``PATH_NAMES`` in which most values have the suffix of a form of data.

    Example:
        >>> path_column(Columns(["File", "label"], {"File": ["a.png", "b.png"], "label": [0, 1]}))
        'File'
        >>> path_column(Columns(["file"], {"file": ["a report", "of words"]})) is None
        True
    """
    known = {suffix for form in forms() if form.files for suffix in form.files.suffixes()} | {*VIDEOS}
    plain = {name.lower(): name for name in reversed(table.names)}
    for name in (plain[name] for name in PATH_NAMES if name in plain):
        values = [value for value in table.values[name] if value not in (None, "")]
        fitting = sum(isinstance(value, str) and suffix_in(value) in known for value in values)
        if values and 2 * fitting > len(values):
            return name
    return None


def suffix_in(path: str) -> str:
    """The suffix of a path, or of the path in an address, in lower case.

    Example:
        >>> suffix_in("a/B.PNG"), suffix_in("https://example.com/a.jpg?sig=x.y"), suffix_in("zip://a.png::b.zip")
        ('.png', '.jpg', '.png')
    """
    return (Address(path) if is_address(path) else Path(path)).suffix.lower()


def is_list(location: Place, table: Columns, modality: Modality | None) -> bool:
    """Whether a table is a list of files; else its rows are the items.

    Raises:
        PoolError: It has both paths and texts, and no modality says which.
    """
    column = path_column(table)
    text = next((name for name in table.names if name.lower() in TEXT_NAMES), None)
    if column is None:
        return False
    if text is not None and modality is None:
        raise PoolError(
            f"{location} has files in the column {column!r} and texts in {text!r}",
            hint="name the form of data, such as --modality text or --modality image",
        )
    return text is None or modality != "text"


def listed_archives(table: Columns) -> list[str]:
    """The archives of samples that a table lists; none if it lists something else.

    Example:
        >>> listed_archives(Columns(["path"], {"path": ["s3://b/0.tar", "s3://b/1.tar"]}))
        ['s3://b/0.tar', 's3://b/1.tar']
    """
    plain = {name.lower(): name for name in reversed(table.names)}
    for name in (plain[name] for name in (*PATH_NAMES, "url") if name in plain):
        values = [_plain(value) for value in table.values[name]]
        if values and all(suffix_in(value) == ".tar" for value in values):
            return list(dict.fromkeys(values))
    return []


def _form(location: Place, paths: Sequence[str], modality: Modality | None) -> tuple[Modality, Files]:
    readable = {form.name: form.files for form in forms() if form.files is not None}
    if any(Path(path).suffix.lower() in VIDEOS for path in paths) and modality in (None, "image"):
        return "image", cast(Files, cast(Long, form_named("image").long).files)
    if modality is not None:
        if modality not in readable:
            raise PoolError(
                f"{modality} items cannot be read from files", hint="store them in one .npz or .parquet file"
            )
        return modality, readable[modality]
    count = Counter(name for path in paths for name, files in readable.items() if suffix_in(path) in files.suffixes())
    if not count:
        raise PoolError(f"no path in {location} has the suffix of a form of data", hint="name it with --modality")
    return count.most_common(1)[0][0], readable[count.most_common(1)[0][0]]
