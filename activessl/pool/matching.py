"""Find the items of a pool that texts and addresses from elsewhere show, such as those of a file of labels."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

from activessl.pool.addresses import Address
from activessl.pool.pool import Pool

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True)
class Matched(Generic[K]):
    """The items that values show.

    Attributes:
        items: Key of a value to its item.
        unclear: Key of a value to the items that it may show: it could be one of several, or several different values
            could be that item, or it is a file of the same name in another folder.
        by_name: Keys of ``items`` that have only the name of the file in common with the item: its folder is another
            one, or lost.
    """

    items: dict[K, str] = field(default_factory=dict)
    unclear: dict[K, tuple[str, ...]] = field(default_factory=dict)
    by_name: set[K] = field(default_factory=set)


class MediaIndex:
    """The texts or the paths of a pool, to find the items that values show.

    Args:
        pool: The items.
        stems: Whether the names of the files that are sought have no ending, so that those of the items have none.
    """

    def __init__(self, pool: Pool, *, stems: bool = False) -> None:
        self._by_text = pool.form.shown == "text"
        if self._by_text:
            self._items = grouped((plain_text(pool.read(row)), item) for row, item in enumerate(pool.ids))
            return
        place = pool.source.location.absolute()
        folder = place if place.is_dir() else place.parent  # of a list of files
        above = path_in(str(folder)) if isinstance(folder, Address) else folder.as_posix()
        self._above = len(_parts(above)) if _is_folder(pool) else 0
        self._whole = {item: _parts(_stem(path) if stems else path) for item, path in _paths(pool)}
        self._items = grouped((parts[-1], item) for item, parts in self._whole.items() if parts)

    def match(self, shown: Mapping[K, Any]) -> Matched[K]:
        """Find the items that values show: texts by what they say, files by the end of their path.

        Of several items with the name of a file, and of several files with the name of an item, those with the longest
        common path belong together; the folder of the pool is a part of the path. Where two are equally long, nothing
        is matched, nor where the folders in an item's id are not those of the file. An upload to Label Studio has no
        folder.

        Args:
            shown: Any key to a text, a path or an address; other values show no item.

        Returns:
            Matches, and values that may show several items.
        """
        return self._match_texts(shown) if self._by_text else self._match_paths(shown)

    def _match_texts(self, shown: Mapping[K, Any]) -> Matched[K]:
        found = Matched[K]()
        for key, text in shown.items():
            alike = self._items.get(plain_text(text), []) if isinstance(text, str) else []
            if len(alike) == 1:
                found.items[key] = alike[0]
            elif alike:
                found.unclear[key] = tuple(alike)
        return found

    def _match_paths(self, shown: Mapping[K, Any]) -> Matched[K]:
        path_of = {key: path for key, value in shown.items() if (path := _shown_parts(value))}
        chosen = {path: self._candidates(path) for path in dict.fromkeys(path_of.values())}
        # different files that may be one item: only the one with the longest common path is
        claims = grouped((items[0], path) for path, items in chosen.items() if len(items) == 1)
        for item, paths in claims.items():
            length = {path: _common(path, self._whole[item]) for path in paths}
            best = [path for path in paths if length[path] == max(length.values())]
            chosen |= dict.fromkeys(paths, ()) | dict.fromkeys(best, (item,) if len(best) == 1 else (item, item))
        found = Matched[K]()
        for key, path in path_of.items():
            items = chosen[path]
            if len(items) == 1:
                found.items[key] = items[0]
                whole = self._whole[items[0]]
                apart = len(path) > 1 and len(whole) > 1 and _common(path, whole) == 1
                if apart or is_upload(shown[key]):
                    found.by_name.add(key)
            elif items:
                found.unclear[key] = tuple(dict.fromkeys(items))
        return found

    def _candidates(self, path: tuple[str, ...]) -> tuple[str, ...]:
        """The items with the longest common path; the only one twice if it lies in another folder."""
        alike = self._items.get(path[-1]) or self._items.get(re.sub(r"^[0-9a-f]{8}-", "", path[-1]), [])
        length = {item: _common(path, self._whole[item]) for item in alike}
        best = tuple(item for item in alike if length[item] == max(length.values()))
        if len(best) == 1 and length[best[0]] < min(len(path), len(self._whole[best[0]]) - self._above):
            return best * 2
        return best


def plain_text(text: Any) -> str:
    """A text without spaces around it, and with the line ends that spreadsheets and browsers may change.

    Example:
        >>> plain_text("one\\r\\ntwo ")
        'one\\ntwo'
    """
    return str(text).replace("\r\n", "\n").replace("\r", "\n").strip()


def _is_folder(pool: Pool) -> bool:
    return bool(pool.ids) and (pool.source.path(pool.ids[0]) is not None or _address(pool, pool.ids[0]) is not None)


def _paths(pool: Pool) -> Iterator[tuple[str, str]]:
    """Each item with the whole path of its file, or with its id where it has none."""
    for item in pool.ids:
        path, address = pool.source.path(item), _address(pool, item)
        if address is not None:
            yield item, path_in(str(address))
        else:
            yield item, item if path is None else path.absolute().as_posix()


def _address(pool: Pool, item: str) -> Address | None:
    """The address of an item in a store; None of other items."""
    found = getattr(pool.source, "address", None)
    return None if found is None else found(item)


def path_in(address: Any) -> str:
    """Return the path of the file of an address; for a local file of Label Studio, the query has it.

    Example:
        >>> path_in("/data/local-files/?d=photos%2Fa.png"), path_in("s3://bucket/b%20c.png"), path_in(r"photos\\d.png")
        ('photos/a.png', 'bucket/b c.png', 'photos/d.png')
    """
    # a number is a count or an age more often than the name of a file
    if not isinstance(address, str) or address.startswith("data:") or "\n" in address or address.strip().isdecimal():
        return ""
    if "://" not in address and not address.startswith("/data/"):
        return address.replace("\\", "/")
    try:
        parts = urlsplit(address)
    except ValueError:  # an invalid host
        return ""
    local = parse_qs(parts.query).get("d")
    if local:
        return local[0]
    return unquote(f"{parts.netloc}{parts.path}" if parts.scheme not in ("http", "https") else parts.path)


def is_upload(address: Any) -> bool:
    """Whether an address is that of an upload to Label Studio, which has lost its folder."""
    return _parts(path_in(address))[:2] == ("data", "upload")


def _shown_parts(address: Any) -> tuple[str, ...]:
    parts = _parts(path_in(address))
    return parts[-1:] if is_upload(address) else parts


def _parts(path: str) -> tuple[str, ...]:
    """The parts of a path, as Label Studio stores the names of files."""
    return tuple(part for one in PurePosixPath(path).parts if (part := _stored_name(one)) and part != ".")


def _stem(path: str) -> str:
    """A path without the ending of its file."""
    return PurePosixPath(path).with_suffix("").as_posix()


def _stored_name(name: str) -> str:
    """Return a file's name as Label Studio stores it: spaces become underscores, other characters are removed."""
    return re.sub(r"[^-\w.]", "", name.strip().replace(" ", "_"))


def _common(path: tuple[str, ...], other: tuple[str, ...]) -> int:
    """How many parts two paths have in common, from the end; the prefix of an upload is no part of the name."""
    count = 1  # the names are alike already
    for one, two in zip(path[-2::-1], other[-2::-1], strict=False):
        if one != two:
            break
        count += 1
    return count


def grouped(pairs: Iterable[tuple[Any, Any]]) -> dict[Any, list[Any]]:
    """The values of each key, in order.

    Example:
        >>> grouped([("a", 1), ("b", 2), ("a", 3)])
        {'a': [1, 3], 'b': [2]}
    """
    found: dict[Any, list[Any]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return found
