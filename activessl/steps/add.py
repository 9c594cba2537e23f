"""Copy new items into the folder of a project's data: nothing is overwritten, and equal content is not copied again."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from activessl.errors import ConfigError, PoolError
from activessl.pool.addresses import Address
from activessl.pool.folders import FolderSource
from activessl.pool.groups import group_names
from activessl.pool.pool import Item, Pool
from activessl.pool.progress import OnProgress, tell
from activessl.pool.recordings.source import CutSource
from activessl.project.folder import Project, writing
from activessl.sealed import replaced, sha256_of

#: The subfolder of the data that items are copied into.
INTO = "added"


@dataclass(frozen=True)
class Added:
    """The result of adding items.

    Attributes:
        folder: The folder that they were copied into.
        copied: Ids in the pool of the items, or of the recordings, that were copied.
        there: Number of items whose content the pool has already.
        unreadable: Number of files that cannot be read, and are not copied.
        first: The first such file and the reason; empty without one.
    """

    folder: Path
    copied: tuple[str, ...]
    there: int
    unreadable: int
    first: str = ""

    def to_text(self) -> str:
        """One or two lines.

        Example:
            >>> print(Added(Path("photos/added"), ("added/a.png",), 3, 1, "b.png: cut").to_text())
            1 item copied into photos/added; 3 items are in the pool already
            1 file cannot be read and was not copied; b.png: cut
        """
        count = len(self.copied)
        text = f"{count:,} item{'s' * (count != 1)} copied into {self.folder}"
        if self.there:
            text += f"; {self.there:,} {'item is' if self.there == 1 else 'items are'} in the pool already"
        if self.unreadable:
            were = "file cannot be read and was" if self.unreadable == 1 else "files cannot be read and were"
            text += f"\n{self.unreadable:,} {were} not copied; {self.first}"
        return text


def add(project: Project, path: Path, *, into: str = INTO, on_progress: OnProgress | None = None) -> Added:
    """Copy the readable items of a folder, or one file, into the folder of the data.

    An item keeps its path below ``path``. If another file has this name, it is copied into a subfolder that is named
    by its content, so that a repeated call finds it. A call that was interrupted continues where it stopped.

    Args:
        project: The project; its data must be a folder.
        path: A folder, with all subfolders, or one file.
        into: The subfolder of the data to copy into; "." for the data folder itself.
        on_progress: Called with the stage "add".

    Raises:
        ConfigError: The subfolder is not inside the data, or the items would be in other groups there.
        PoolError: The data are not a folder; or ``path`` has no such items, lies inside the data, or contains them.
        ProjectError: The data cannot be written.
    """
    data, modality = project.data, project.own.data.modality
    if isinstance(data, Address):
        raise PoolError(
            f"the data of this project are in a store, {data}: no items are copied into it",
            hint="upload the items there with the store's own tools, then run `activessl encode`",
        )
    if not data.is_dir():
        raise PoolError(
            f"the data of this project are one file, {project.own.data.path}: no items can be copied into it",
            hint=f"append the items to {project.own.data.path} with the program that wrote it, then run "
            "`activessl encode`",
        )
    target, cut = _target(data, into), project.own.data.cut
    source, wanted = _source(path, modality, long=cut is not None)
    windows = None if cut is None else CutSource(source, cut)
    _check_apart(data, path)
    with project.lock():
        pool = project.pool(whole=True)
        known = {item.sha256 for item in _all(pool)}
        copied: list[str] = []
        there, bad = 0, []
        for done, name in enumerate(wanted, start=1):
            found = [source.describe(name)] if windows is None else windows.windows(name)
            items = [one for one in found if isinstance(one, Item)]
            if not items:
                bad.append(f"{found[0].id}: {found[0].why}")  # type: ignore[union-attr]  # there is at least one
            elif known.issuperset(one.sha256 for one in items):
                there += 1
            else:
                known.update(one.sha256 for one in items)
                copied.append(_copy(data, project, source, name, target, items[0].sha256[:12]))
            tell(on_progress, "add", done, len(wanted))
    return Added(target, tuple(copied), there, len(bad), bad[0] if bad else "")


def _target(data: Path, into: str) -> Path:
    parts = PurePosixPath(into).parts
    if PurePosixPath(into).is_absolute() or ".." in parts or any(part.startswith(".") for part in parts):
        raise ConfigError(
            f"{into} is no subfolder of the data",
            hint=f"name a folder below {data} without a leading dot, such as {INTO}",
        )
    return data.joinpath(*parts)


def _source(path: Path, modality: str, *, long: bool) -> tuple[FolderSource, list[str]]:
    """The folder of the items, and their names in it."""
    if path.is_dir():
        source = FolderSource(path, modality, long=long)
        return source, list(source.stamps())
    if not path.is_file():
        raise PoolError(f"{path} does not exist", hint="check the path")
    source = FolderSource(path.parent, modality, long=long)
    if path.name not in source.stamps():
        raise PoolError(f"{path} is no {modality} file that can be read from a folder", hint=f"give {modality} items")
    return source, [path.name]


def _check_apart(data: Path, path: Path) -> None:
    here, there = data.resolve(), path.resolve()
    if there.is_relative_to(here):
        raise PoolError(f"{path} lies in the data folder {data} already", hint="run `activessl encode`")
    if path.is_dir() and here.is_relative_to(there):
        raise PoolError(f"{path} contains the data folder {data}", hint="give the folder with only the new items")


def _all(pool: Pool) -> list[Item]:
    """All items with known content, also those that are set aside or have other channels."""
    bad = [one.item for one in pool.unreadable if one.item is not None]
    return [*pool.items, *bad]


def _copy(data: Path, project: Project, source: FolderSource, item: str, target: Path, other: str) -> str:
    """Copy the files of one item, or of one recording, into a subfolder ``other`` where its name is taken; return its
    id in the pool."""
    base = source.location
    assert isinstance(base, Path)  # ``add`` reads folders on the disk
    names = {name: sha256_of(base / name) for name in source.files_of(item)}

    def free(folder: Path) -> bool:
        return all(
            not (folder / name).exists() or ((folder / name).is_file() and sha256_of(folder / name) == digest)
            for name, digest in names.items()
        )

    folder = target
    if not free(folder):
        folder = target / other
        if not free(folder):
            raise PoolError(f"{folder} holds other files", hint="name another subfolder with --into")
    new = (folder / item).relative_to(data).as_posix()
    _check_group(project, item, new)
    with writing(data):
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            if not (folder / name).exists():
                with replaced(folder / name) as part:  # in blocks: a recording may be larger than the memory
                    shutil.copyfile(base / name, part)
    return new


def _check_group(project: Project, name: str, new: str) -> None:
    """Refuse to copy an item to where ``data.group`` finds another group in its id, or none."""
    pattern = project.own.data.group
    if pattern is None:
        return
    was, now = group_names(pattern, [name])[0], group_names(pattern, [new])[0]
    if was != now and was != name:
        raise ConfigError(
            f"{name} is of the group {was}, and as {new} it would be of the group {now}",
            hint="copy into the data folder itself with --into . or change data.group in activessl.toml",
        )
