"""What stores answer when a file cannot be read, in the words of errors.

No message has the text of a library's error, because that may have a signed address.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from activessl.errors import PoolError, PoolUnreachable
from activessl.pool.addresses import Address, host_of
from activessl.pool.stores.hosts import ALLOWED
from activessl.pool.stores.web import Refused

T = TypeVar("T")

#: What services answer when credentials are no longer valid: the same call for any other file would fail, too.
_EXPIRED = frozenset(
    {"ExpiredToken", "InvalidToken", "TokenRefreshRequired", "InvalidAccessKeyId", "SignatureDoesNotMatch"}
    | {"RequestTimeTooSkewed", "ExpiredTokenException"}
)
_AGAIN = frozenset({408, 425, 429})


def translated(address: Address, call: Callable[[], T]) -> T:
    """Return what a call of a store returns.

    Raises:
        PoolError: The store says that this file cannot be read.
        PoolUnreachable: It does not answer, or accepts no credentials: nothing is known about the file.
    """
    try:
        return call()
    except PoolError:
        raise
    except Exception as error:  # noqa: BLE001  each store has errors of its own
        # fsspec says that there is no file, too, where a server does not answer
        cause = error.__cause__ if isinstance(error, FileNotFoundError) else None
        raise _error(address, cause if isinstance(cause, Exception) else error) from None


def _error(address: Address, error: Exception) -> PoolError:
    """The error about a store, or about one file in it."""
    status, code = _answer(error)
    name = type(error).__name__
    again = "run the same command again: it goes on where it stopped"
    if name in ("NoCredentialsError", "PartialCredentialsError", "GoogleAuthError"):
        if name == "GoogleAuthError":
            return PoolUnreachable(
                f"no credentials for {address}", hint="log in with `gcloud auth application-default login`"
            )
        return PoolUnreachable(
            f"no credentials for {address}",
            hint="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run `aws configure`; for public data set "
            "FSSPEC_S3_ANON=true",
        )
    if code in _EXPIRED:
        return PoolUnreachable(f"the credentials for {address} are refused: {code}", hint=f"renew them, then {again}")
    if _refused(error):
        host, port = host_of(address.url)
        return PoolError(
            f"{address} points inside of the network, or leads there",
            hint=f"if you trust it, set {ALLOWED}={host}{f':{port}' if port else ''}",
        )
    if isinstance(error, FileNotFoundError) or status in (404, 410):
        return PoolError(f"there is no file {address}", hint="check the address")
    if isinstance(error, PermissionError) or status in (401, 403):
        return PoolError(f"{address} may not be read: access denied", hint="check credentials and rights")
    if isinstance(error, (ValueError, TypeError, NotADirectoryError, IsADirectoryError)) or (
        status is not None and 400 <= status < 500 and status not in _AGAIN
    ):
        return PoolError(f"{address} cannot be read: {code or status or name}", hint="check the address")
    if name == "BadZipFile":
        return PoolError(f"{address} is no zip archive", hint="check the address")
    return PoolUnreachable(
        f"{address.protocol} store does not answer for {address}: {code or status or name}", hint=again
    )


def _answer(error: BaseException | None) -> tuple[int | None, str]:
    """The HTTP status and the code of the answer in an error, or in the one that it was made from."""
    while error is not None:
        response = getattr(error, "response", None)
        if isinstance(response, Mapping):
            told = response.get("Error", {})
            status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            return (status if isinstance(status, int) else None), str(told.get("Code", ""))[:40]
        status = getattr(error, "status", None) or getattr(response, "status_code", None)
        if isinstance(status, int):
            return status, ""
        error = error.__cause__ or error.__context__
    return None, ""


def _refused(error: BaseException | None) -> bool:
    seen = 0
    while error is not None and seen < 10:
        if isinstance(error, Refused) or isinstance(getattr(error, "os_error", None), Refused):
            return True
        error, seen = error.__cause__ or error.__context__, seen + 1
    return False
