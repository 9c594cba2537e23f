"""Files that can be made again: written whole, sealed with their digests, and checked before they are read.

A power failure, a full disk or another program may leave a file empty, cut or changed. Native code (memory maps, FAISS,
parquet) may end the process on such a file, or compute with it unnoticed. Therefore a folder gets a seal when it is
complete: a small file with the digest of each other file. A folder that does not match its seal counts as missing.
"""

from __future__ import annotations

import errno
import glob
import hashlib
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tokenize import TokenError
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    "SEAL",
    "beside",
    "check_seal",
    "digest_of",
    "read_array",
    "replaced",
    "seal",
    "sha256_of",
    "sweep",
    "sync",
    "write_atomic",
]

#: The name of the seal in its folder.
SEAL = "seal.json"

#: The names of ``beside``, and the age in seconds after which nobody writes such a file any more.
#: SQLite writes further files beside its own.
_PART = re.compile(r"\..+\.[0-9a-f]{12}\.part(-journal|-wal|-shm)?", re.DOTALL)
_LEFT = 3600.0

#: Smaller files are digested at every check (30 ms); larger ones if their time or inode is not that of the last check.
_ALWAYS = 32_000_000


def beside(path: Path) -> Path:
    """A temporary path beside ``path``, with a name that no other process uses."""
    return path.with_name(f".{path.name}.{secrets.token_hex(6)}.part")


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some file systems cannot sync a folder
            raise
    finally:
        os.close(handle)


def sweep(folder: Path, name: str = "") -> None:
    """Remove what killed processes left of writing a file, or a folder, with ``beside``; never what is being written.

    Args:
        folder: The folder, without its subfolders.
        name: The name of the file or folder that was written; by default all.
    """
    now = time.time()
    with suppress(OSError):
        for left in folder.glob(f".{glob.escape(name) or '*'}.*.part*"):
            with suppress(OSError):
                # a time in the future is of a clock that was wrong
                if _PART.fullmatch(left.name) and abs(now - left.lstat().st_mtime) > _LEFT:
                    shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """Write a file beside ``path``, and replace ``path`` by it when it is complete and on the disk.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with replaced(Path(folder) / "a.txt") as part:
        ...         _ = part.write_text("whole")
        ...     [path.name for path in Path(folder).iterdir()]
        ['a.txt']
    """
    sweep(path.parent, path.name)
    part = beside(path)
    try:
        yield part
        sync(part)
        part.replace(path)
        _sync_folder(path.parent)
    finally:
        for ending in ("", "-journal", "-wal", "-shm"):  # SQLite writes the latter beside its file
            with suppress(OSError):
                part.with_name(part.name + ending).unlink(missing_ok=True)


def write_atomic(path: Path, content: bytes) -> None:
    """Write a file so that a reader, or a power failure, finds the old content or the new one."""
    with replaced(path) as part:
        part.write_bytes(content)


def seal(folder: Path) -> None:
    """Write the digests of all files of a folder, without its subfolders, into its seal, and wait for the disk.

    Raises:
        OSError: A file cannot be read, or the seal cannot be written.
    """
    files = {}
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.name != SEAL and not path.name.startswith("."):
            sync(path)
            files[path.name] = _entry(path, sha256_of(path))
    _write(folder, files)


def check_seal(folder: Path, *, every: bool = False) -> bool:
    """Compare the files of a folder with its seal; return False for a folder without a seal, of an earlier version.

    Args:
        folder: The folder.
        every: Whether to read large files, too, that have the time and inode of the last check.

    Raises:
        ValueError: A file was changed, or the seal is damaged.
        OSError: A file is missing.
    """
    files = _read(folder)
    if files is None:
        return False
    fresh = dict(files)
    for name, kept in files.items():
        path = folder / name
        stat = path.stat()
        if not path.is_file():
            raise ValueError(f"{name} is no file")
        if stat.st_size != kept["bytes"]:
            raise ValueError(f"{name} has {stat.st_size:,} bytes, not {kept['bytes']:,}")
        if stat.st_size > _ALWAYS and kept["seen"] == _seen(stat) and not every:
            continue
        if sha256_of(path) != kept["sha256"]:
            raise ValueError(f"{name} was changed")
        fresh[name] = _entry(path, kept["sha256"])
    if any(fresh[name]["bytes"] > _ALWAYS and fresh[name] != files[name] for name in files):
        with suppress(OSError):  # a copied folder: its times are the new ones from now on
            _write(folder, fresh)
    return True


def digest_of(folder: Path, name: str) -> str | None:
    """The digest of a file by the seal of its folder; None without a seal.

    Raises:
        ValueError: The seal is damaged.
    """
    files = _read(folder)
    return None if files is None or name not in files else str(files[name]["sha256"])


def read_array(path: Path, *, mmap_mode: Any = None) -> np.ndarray[Any, np.dtype[Any]]:
    """Read a ``.npy`` file, never with pickled objects.

    Raises:
        OSError: The file is missing.
        ValueError: The file is empty, cut, or no array of numbers.
    """
    import numpy as np

    try:
        found = np.load(path, mmap_mode=mmap_mode, allow_pickle=False)
    except (EOFError, TokenError, SyntaxError, RecursionError, OverflowError, TypeError) as error:
        # the head of the file is a line of Python
        raise ValueError(f"{path.name} is empty or cut: {error}") from None
    if not isinstance(found, np.ndarray) or found.dtype.kind not in "fiub":
        raise ValueError(f"{path.name} has no numbers")
    return found


def _read(folder: Path) -> dict[str, dict[str, Any]] | None:
    try:
        if not (folder / SEAL).is_file():
            if (folder / SEAL).exists():
                raise ValueError(f"{SEAL} is no file")
            return None
        content = (folder / SEAL).read_bytes()
    except FileNotFoundError:
        return None
    try:
        files = json.loads(content)["files"]
        return {
            str(name): {"bytes": int(kept["bytes"]), "sha256": str(kept["sha256"]), "seen": list(kept["seen"])}
            for name, kept in files.items()
            if Path(name).name == name
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
        raise ValueError(f"{SEAL} is damaged") from None


def _write(folder: Path, files: Mapping[str, Any]) -> None:
    write_atomic(folder / SEAL, json.dumps({"files": files}, indent=1, sort_keys=True).encode())


def _entry(path: Path, digest: str) -> dict[str, Any]:
    stat = path.stat()
    return {"bytes": stat.st_size, "sha256": digest, "seen": _seen(stat)}


def _seen(stat: os.stat_result) -> list[int]:
    return [stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns]


def sha256_of(path: Path) -> str:
    """The digest of a file.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # Windows cannot open a folder
        sync(folder)
