"""Read whole objects of S3 by addresses that are signed here, without the client's own call for each object.

The client of S3 computes 6 ms for each object that it reads, most of it for its own request and answer; to sign an
address and to read it takes 1.4 ms. Whatever goes wrong in this way is left to the client's call, which names it.
"""

from __future__ import annotations

import asyncio
from typing import Any

from activessl.pool.stores.web import CONNECT_S, READ_S, THREADS

#: Seconds that a signature is valid: it is used at once.
_VALID_S = 300
#: After so many failures one after the other, objects are read by the client only.
_MOST_FAILURES = 3


class Signed:
    """Reads objects by signed addresses.

    Args:
        files: The file system of S3 of fsspec.
    """

    def __init__(self, files: Any) -> None:
        self._files = files
        self._session: Any = None
        self._failed = 0

    def read(self, path: str, most: int) -> bytes | None:
        """Read an object of at most ``most`` bytes; None if it is larger, or cannot be read in this way."""
        if self._failed >= _MOST_FAILURES or self._files.anon:
            return None
        from fsspec import asyn

        wait: Any = asyn.sync  # its type says that it returns nothing
        content, failed = wait(self._files.loop, self._read, path, most)
        self._failed = self._failed + 1 if failed else 0
        return None if content is None else bytes(content)

    async def _read(self, path: str, most: int) -> tuple[bytes | None, bool]:
        """The object, and whether this way has failed; an object that is not there is no failure of the way."""
        import aiohttp

        try:
            address = await self._files._url(path, expires=_VALID_S)
            async with self._opened().get(address, allow_redirects=False) as answer:
                if answer.status != 200 or (answer.content_length or 0) > most:
                    return None, answer.status not in (200, 404)
                content: bytes = await answer.read()
                return (content if len(content) <= most else None), False
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError, AttributeError):
            return None, True
        except Exception as error:
            if type(error).__module__.partition(".")[0] not in ("botocore", "aiobotocore"):
                raise
            return None, True

    def _opened(self) -> Any:
        """The session, made in the thread of fsspec."""
        if self._session is None:
            import weakref

            import aiohttp

            connector = aiohttp.TCPConnector(limit=2 * THREADS)
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=READ_S)
            # an object may be stored compressed: its bytes are read as they are
            self._session = aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False)
            weakref.finalize(self, _close, self._files.loop, self._session)
        return self._session


def _close(loop: Any, session: Any) -> None:
    if loop.is_running():
        asyncio.run_coroutine_threadsafe(session.close(), loop)
