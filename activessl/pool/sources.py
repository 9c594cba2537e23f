"""Sources of items: a folder of files, a table of texts, an npz file or a parquet file."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from stat import S_ISREG
from typing import Protocol, runtime_checkable

from activessl.errors import PoolError, PoolUnreachable
from activessl.pool.addresses import ONE_FILE, Address, Place, place
from activessl.pool.arrays import NpzSource
from activessl.pool.axes import Axes, agreed, misfit
from activessl.pool.columns import TABLES, read_columns
from activessl.pool.folders import FolderSource
from activessl.pool.forms.registry import FORMS, form_named, form_names, forms
from activessl.pool.listed_files import ListSource, is_list, listed_archives
from activessl.pool.listed_places import ListedPlaces
from activessl.pool.plain import unusual
from activessl.pool.pool import Item, Modality, Pool, Source, Stamp, Unreadable
from activessl.pool.progress import OnProgress, tell
from activessl.pool.recordings.cut import Cut, recording_of
from activessl.pool.recordings.source import CutSource
from activessl.pool.series_files.large import is_large, read_head
from activessl.pool.series_source import SeriesFileSource, is_series_file
from activessl.pool.tables import ParquetSource, has_only_paths
from activessl.pool.tars.source import TarSource, archives_in
from activessl.pool.texts import TextTableSource

__all__ = [
    "Cut",
    "CutSource",
    "FolderSource",
    "ListSource",
    "NpzSource",
    "ParquetSource",
    "Sampled",
    "SeriesFileSource",
    "Stamped",
    "TarSource",
    "TextTableSource",
    "load_pool",
    "open_source",
]


@runtime_checkable
class Stamped(Source, Protocol):
    """A source with stamps, which show without reading whether an item has changed since it was described."""

    def __len__(self) -> int:
        """The number of items, readable and unreadable."""
        ...

    def stamps(self) -> Mapping[str, Stamp]:
        """The stamp of each item's file as it is now, in the order of ``scan``."""
        ...

    def describe(self, item_id: str) -> Item | Unreadable:
        """Read one item and describe it."""
        ...


@runtime_checkable
class Sampled(Source, Protocol):
    """A source with a sample rate."""

    @property
    def sample_rate(self) -> int | None:
        """Samples a second; None where the source has no audio."""
        ...


def open_source(
    location: Place,
    modality: Modality | None = None,
    *,
    without: Collection[Path] = (),
    cut: Cut | None = None,
) -> Source:
    """Open the data at a path.

    Args:
        location: A folder of images, of sounds, of series as CSV files or of text files; an ``.npz`` with ``images``
            (n, h, w[, c]), ``X`` (n, [channels,] time), ``vectors`` (n, d), or packed ``data`` and ``offsets`` with
            ``format`` (encoded images) or ``sample_rate`` (16-bit audio); a ``.parquet`` with a column of encoded
            images or of text; a ``.csv``, ``.tsv``, ``.jsonl`` or ``.xlsx`` of texts, or with a path for each item, or
            of numbers (with ``modality``); a ``.ts``, ``.arff`` or UCR ``.tsv`` of series; a ``.tar`` of samples, or a
            folder of them. Or an :class:`activessl.pool.addresses.Address` of a folder, of a ``.tar``, or of a
            ``.csv``, ``.tsv`` or ``.jsonl`` with a path for each item.
        modality: Which form of data to read, where a file has several; by default the first that it has.
        without: Folders that are not searched: those of a project that lies inside its data.
        cut: How recordings are cut into the items; None if they are the items.

    Raises:
        PoolError: The path does not exist, is empty, has an unknown format, has no data of that modality, or data that
            cannot be cut like this.
        PoolUnreachable: A store does not answer.
    """
    location = place("location", location)
    if modality is not None and modality not in FORMS:
        raise PoolError(f"unknown modality {modality!r}", hint=f"use one of {', '.join(form_names())}")
    if isinstance(location, Address):
        if cut is not None:
            raise PoolError(
                f"the recordings of {location} cannot be cut: they are not on the disk",
                hint="copy them to the disk, or leave out --window and --frames",
            )
        return _of_store(location, modality)
    try:
        status = location.stat()
    except (OSError, ValueError) as error:
        why = "does not exist" if not isinstance(error, PermissionError) else "cannot be read: permission denied"
        raise PoolError(f"{location} {why}", hint="check the path") from None
    if not location.is_dir() and not S_ISREG(status.st_mode):
        raise PoolError(f"{location} {unusual(status)}", hint="give a folder, or a file on the disk")

    source: Source
    if cut is not None and cut.frames is not None:
        modality = modality or "image"
    if location.is_dir():
        source = _of_folder(location, modality, without, long=cut is not None)
    elif location.suffix.lower() == ".tar":
        source = TarSource(location, [location.name], modality)
    elif location.suffix.lower() in (".npz", ".mat"):
        source = NpzSource(location, modality)
    elif location.suffix.lower() in (".parquet", ".pq"):
        table = read_columns(location) if has_only_paths(location) else None
        listed = table is not None and is_list(location, table, modality)
        source = ListSource(location, table, modality) if table and listed else ParquetSource(location, modality)
    elif is_series_file(location) and modality != "text":
        source = SeriesFileSource(location, modality)
    elif location.suffix.lower() in TABLES:
        source = _of_table(location, modality)
    else:
        one = _form_of(location)
        if one is not None:
            raise PoolError(f"{location} is a single {one} file", hint="give the folder that contains the file")
        raise PoolError(
            f"{location} has the unknown format {location.suffix!r}"
            if location.suffix
            else f"{location} has no suffix",
            hint="give a folder of images, sounds or texts, or a .csv, .jsonl, .npz or .parquet file",
        )
    return source if cut is None else CutSource(source, cut)


def _form_of(location: Place) -> str | None:
    """The form of data of which a single file has the suffix; None if there is none."""
    suffix = location.suffix.lower()
    return next((form.name for form in forms() if form.files and suffix in form.files.suffixes()), None)


def _of_folder(
    location: Place, modality: Modality | None, without: Collection[Path] = (), *, long: bool = False
) -> Source:
    """A folder of files, or of archives of samples."""
    try:
        source = FolderSource(location, modality, without=without, long=long)
    except PoolUnreachable:
        raise
    except PoolError:
        if archives := archives_in(location, without):
            return TarSource(location, archives, modality)
        raise
    # notes beside archives are no items
    notes = source.beside[".tar"] > len(source)
    return TarSource(location, archives_in(location, without), modality) if notes else source


def _of_store(location: Address, modality: Modality | None) -> Source:
    """Data in a store: a folder, a tar archive, or a list of files."""
    if (one := _form_of(location)) is not None and location.suffix.lower() not in ONE_FILE:
        raise PoolError(f"{location} is a single {one} file", hint="give the folder that contains the file")
    if location.is_dir():
        return _of_folder(location, modality)
    if location.suffix.lower() == ".tar":
        return TarSource(location, [location.name], modality)
    table = read_columns(location)
    if archives := listed_archives(table):
        return TarSource(location, archives, modality, origin=ListedPlaces(location, archives))
    if not is_list(location, table, modality):
        raise PoolError(
            f"{location} is a table, but no list of files: no column has paths",
            hint="copy the table to the disk, or name its column of paths 'path'",
        )
    return ListSource(location, table, modality)


def _of_table(location: Path, modality: Modality | None) -> Source:
    """A table: a list of files, texts, or numbers as series or vectors."""
    if modality in ("series", "vector") and location.suffix.lower() in (".csv", ".tsv") and is_large(location):
        head = read_head(location)
        if head is None or not is_list(location, head, modality):
            return SeriesFileSource(location, modality)
    table = read_columns(location)
    if archives := listed_archives(table):
        return TarSource(location, archives, modality, origin=ListedPlaces(location, archives))
    if is_list(location, table, modality):
        return ListSource(location, table, modality)
    if modality in ("series", "vector"):
        return SeriesFileSource(location, modality, table)
    return TextTableSource(location, modality, table)


def load_pool(
    location: Place,
    modality: Modality | None = None,
    on_progress: OnProgress | None = None,
    *,
    without: Collection[Path] = (),
    axes: Axes | None = None,
    cut: Cut | None = None,
) -> Pool:
    """Read all items at a path once and describe them.

    Args:
        location: As for ``open_source``.
        modality: As for ``open_source``.
        on_progress: Called now and then with the number of items that were read.
        without: As for ``open_source``.
        axes: The channels that series must have, such as those of a model; by default those that most series have.
        cut: As for ``open_source``.

    Raises:
        PoolError: As ``open_source``, or no item can be read.
    """
    source = open_source(location, modality, without=without, cut=cut)
    return collect(source, source.scan(), on_progress, axes=axes)


def collect(
    source: Source,
    entries: Iterator[Item | Unreadable],
    on_progress: OnProgress | None = None,
    *,
    axes: Axes | None = None,
    before: Axes | None = None,
) -> Pool:
    """Make a pool of the entries of a scan, and report progress; series whose channels do not fit are set aside.

    Args:
        source: The source of the entries.
        entries: Items, and what could not be decoded.
        on_progress: Called now and then with the number of items that were read.
        axes: As for ``load_pool``.
        before: The axes of the same pool at an earlier time: the order of its channels is kept.
    """
    total = len(source) if isinstance(source, Stamped) else 0
    recordings = source.recordings() if isinstance(source, CutSource) else ()
    begun: set[str] = set()
    last = ""
    items: list[Item] = []
    unreadable: list[Unreadable] = []
    for done, entry in enumerate(entries, start=1):
        if isinstance(entry, Item):
            items.append(entry)
        else:
            unreadable.append(entry)
        if not recordings:
            if done % 64 == 0 or done == total:
                tell(on_progress, "items", done, total)
        elif (recording := recording_of(entry.id)) != last:  # how many windows there are is not known before
            tell(on_progress, "recordings", len(begun), len(recordings))
            last = recording
            begun.add(recording)
    if not form_named(source.modality).channels:
        return Pool(items=tuple(items), source=source, unreadable=tuple(unreadable))
    others = "most files have" if axes is None else "the model has"
    chosen = agreed(items, before) if axes is None else axes
    if not any(item.channels for item in items):  # without any names, channels are told apart by their position
        chosen = Axes((), chosen.count, chosen.step)
    why = {item.id: reason for item in items if (reason := misfit(item, chosen, others)) is not None}
    unreadable += [Unreadable(item.id, why[item.id], item) for item in items if item.id in why]
    fitting = tuple(item for item in items if item.id not in why)
    return Pool(items=fitting, source=source, unreadable=tuple(unreadable), axes=chosen)
