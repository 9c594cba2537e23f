"""Archives in a store, read in blocks: items that follow each other share one call."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from threading import Lock

from activessl.pool.origins import Origin

#: Bytes of a block, and blocks that are kept: 64 MB in all.
BLOCK, _KEPT = 4_194_304, 16
#: Calls at the same time.
_THREADS = 4


class Blocks:
    """Parts of archives, of which the last read blocks are kept.

    Args:
        origin: The archives.
        sizes: The size of each, in bytes.
    """

    def __init__(self, origin: Origin, sizes: Mapping[str, int]) -> None:
        self._origin, self._sizes = origin, sizes
        self._held: OrderedDict[tuple[str, int], Future[bytes]] = OrderedDict()
        self._lock = Lock()
        self._pool: ThreadPoolExecutor | None = None

    def expect(self, places: Sequence[tuple[str, int, int]]) -> None:
        """Take note of what is read now and next: archive, start and end of each.

        Where items lie one behind the other, their blocks are read; a single item costs no block.
        """
        if len(places) < 2:
            return
        (archive, _, end), (after, following, _) = places[0], places[1]
        if archive == after and not 0 <= following - end < BLOCK // 4:
            return  # not in their order: a block would be read for each of them
        wanted = dict.fromkeys(block for one in places for block in self._blocks(*one))
        with self._lock:
            for block in list(wanted)[: _KEPT // 2]:
                if block in self._held:
                    self._held.move_to_end(block)
                    continue
                if self._pool is None:
                    self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="blocks")
                self._held[block] = self._pool.submit(self._fetch, block)
                if len(self._held) > _KEPT:
                    self._held.popitem(last=False)[1].cancel()

    def read(self, archive: str, start: int, end: int) -> bytes:
        """The bytes from ``start`` to before ``end``, from blocks where all of them are held."""
        blocks = self._blocks(archive, start, end)
        with self._lock:
            held = [self._held.get(block) for block in blocks]
        if not blocks or any(one is None or one.cancelled() for one in held):
            return self._origin.part(archive, start, end)
        try:
            content = b"".join(one.result() for one in held if one is not None)
        except CancelledError:  # given up meanwhile
            return self._origin.part(archive, start, end)
        except BaseException:
            with self._lock:  # nothing is kept of it, and nothing more is begun
                for one in self._held.values():
                    one.cancel()
                self._held.clear()
            raise
        first = blocks[0][1] * BLOCK
        return content[start - first : end - first]

    def _blocks(self, archive: str, start: int, end: int) -> list[tuple[str, int]]:
        return [(archive, number) for number in range(start // BLOCK, (max(end, start + 1) - 1) // BLOCK + 1)]

    def _fetch(self, block: tuple[str, int]) -> bytes:
        archive, number = block
        return self._origin.part(archive, number * BLOCK, min((number + 1) * BLOCK, self._sizes[archive]))
