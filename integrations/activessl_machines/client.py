"""Requests to an OpenAI-compatible chat server: bounded time, bounded retries, no secret in any message."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from math import isnan
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from activessl.errors import AnnotatorDenied, AnnotatorError, AnnotatorUnreachable, ConfigError

if TYPE_CHECKING:
    import httpcore

#: Addresses of this machine.
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
#: Attempts at one request whose answer is late or breaks off: what a text did to a server once, it does again.
LOST_ATTEMPTS = 2
#: Attempts at one request, and the longest wait (s) that a server may ask for between two.
ATTEMPTS, LONGEST_WAIT = 6, 60.0
#: Seconds to wait for a connection at the most.
CONNECT = 10.0
#: Answers of a server that a later attempt may change.
_LATER = frozenset({408, 429, 500, 502, 503, 504})
#: The status of a server that has to be asked less often.
TOO_MANY = 429
#: What a person reads of an error of the connection.
_WORDS = {"ConnectError": "no connection", "ProxyError": "the proxy of the environment refuses"}
#: Bytes of an answer that are read.
MOST_BYTES = 1_000_000
_AFTER = b"retry-after"


class Lost(Exception):
    """The server took a request, and its answer came not in time or not whole; the message says which."""


@dataclass(frozen=True, eq=False)
class Client:
    """A connection to the server.

    Args:
        url: Its address, up to ``/v1``.
        key: The secret of the server; empty for none.
        timeout: Seconds to wait for one answer.
        at_once: Requests at the same time.
    """

    url: str
    key: str = field(repr=False)
    timeout: float
    at_once: int

    def open(self) -> httpcore.ConnectionPool:
        """Open a pool of connections.

        Raises:
            ConfigError: httpcore is not installed, or the proxy of the environment has no address.
        """
        try:
            import httpcore
        except ImportError:
            raise ConfigError(
                "a language model needs httpcore, which is not installed",
                hint="run `pip install 'activessl[machines]'`",
            ) from None
        return httpcore.ConnectionPool(
            proxy=_proxy_for(self.url), max_connections=self.at_once, max_keepalive_connections=self.at_once
        )

    def send(
        self, http: httpcore.ConnectionPool, method: str, path: str, body: dict[str, Any] | None = None
    ) -> tuple[int, Any]:
        """Send a request, again after a wait where the server asks for one.

        Returns:
            The status and the parsed answer; None for one that is no JSON.

        Raises:
            Lost: The server took the request, and its answer came not in time or not whole.
            AnnotatorUnreachable: No answer after all attempts.
            AnnotatorDenied: The key does not suffice.
        """
        import httpcore

        why, hint, lost = "no answer", "start the server, or correct url in activessl.toml; then repeat", 0
        raw = b"" if body is None else json.dumps(body).encode()
        for attempt in range(ATTEMPTS):
            try:
                status, told, found = self._request(http, method, path, raw)
            except (httpcore.ReadTimeout, httpcore.WriteTimeout) as error:
                lost += 1
                if lost >= LOST_ATTEMPTS:
                    raise Lost(f"late: no answer within {self.timeout:g} s") from error
            except (httpcore.ReadError, httpcore.RemoteProtocolError) as error:
                lost += 1  # of a server that is gone, the next attempt finds none
                if lost >= LOST_ATTEMPTS:
                    raise Lost("broken off: the connection ended before the answer") from error
            except httpcore.TimeoutException:
                why = f"no connection within {min(self.timeout, CONNECT):g} s"
                if attempt >= 2:
                    break
            except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError) as error:
                why = _WORDS.get(type(error).__name__, type(error).__name__)
                if attempt >= 2:  # a server that refuses connections is not there
                    break
            else:
                if status in (401, 403):
                    raise AnnotatorDenied(
                        f"{self.url} refuses the key ({status})",
                        hint="set the environment variable that key_env names",
                    )
                if status not in _LATER:
                    return status, _parsed(found)
                why = f"status {status}"
                if status == TOO_MANY:
                    hint = "set a smaller at_once in activessl.toml, or ask again when the server takes requests"
                time.sleep(_wait(told, attempt))
                continue
            time.sleep(min(0.2 * 2**attempt, 5.0))
        raise AnnotatorUnreachable(f"{self.url} does not answer: {why}", hint=hint)

    def _request(
        self, http: httpcore.ConnectionPool, method: str, path: str, raw: bytes
    ) -> tuple[int, str | None, bytes | None]:
        """Send a request once: the status, the wait that the server asks for, and the body, None for one too long."""
        headers = [("Host", urlsplit(self.url).netloc), ("Accept", "application/json"), ("User-Agent", "activessl")]
        headers += [("Content-Type", "application/json"), ("Content-Length", str(len(raw)))] if raw else []
        headers += [("Authorization", f"Bearer {self.key}")] if self.key else []
        seconds = {"connect": min(self.timeout, CONNECT), "read": self.timeout, "write": self.timeout, "pool": None}
        url, found = f"{self.url.rstrip('/')}/{path}", bytearray()
        with http.stream(method, url, headers=headers, content=raw or None, extensions={"timeout": seconds}) as answer:
            for part in answer.iter_stream():
                found += part
                if len(found) > MOST_BYTES:
                    break
            wait = next((value.decode("latin-1") for name, value in answer.headers if name.lower() == _AFTER), None)
            return answer.status, wait, None if len(found) > MOST_BYTES else bytes(found)


def _proxy_for(url: str) -> httpcore.Proxy | None:
    """The proxy of the environment for an address; none for this machine, whose requests a proxy must not see."""
    import httpcore

    parts = urlsplit(url)
    if is_loopback(url) or proxy_bypass(parts.hostname or ""):
        return None
    named = getproxies().get(parts.scheme) or getproxies().get("all")
    if not named:
        return None
    try:
        proxy = urlsplit(named if "://" in named else f"http://{named}")
        place = f"{proxy.scheme}://{proxy.hostname}:{proxy.port or (443 if proxy.scheme == 'https' else 80)}"
        auth = (unquote(proxy.username), unquote(proxy.password or "")) if proxy.username else None
        return httpcore.Proxy(place, auth=auth)
    except (ValueError, TypeError):
        raise ConfigError(
            f"the proxy for {parts.scheme} in the environment is no address",
            hint=f"correct {parts.scheme}_proxy, or name {parts.hostname} in no_proxy",
        ) from None


def is_loopback(url: str) -> bool:
    """Whether an address is of this machine.

    Example:
        >>> is_loopback("http://127.0.0.1:8080/v1"), is_loopback("https://api.example.com/v1")
        (True, False)
    """
    try:
        return (urlsplit(url).hostname or "") in LOOPBACK
    except ValueError:
        return False


def check_url(name: str, url: str, *, sends_data: bool) -> str:
    """Check the address of a machine.

    Raises:
        ConfigError: It is no web address, has a password in it, or is not of this machine without ``sends_data``.
    """
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
        usable = usable and url.isascii() and url.isprintable() and " " not in url
    except ValueError:
        usable, parts = False, urlsplit("")
    if not usable:
        raise ConfigError(f"machines.{name}: url is no address of a server", hint="give http://127.0.0.1:8080/v1")
    if parts.username or parts.password or parts.query:
        raise ConfigError(f"machines.{name}: url has a secret in it", hint="set key_env and leave the url without it")
    if not is_loopback(url) and not sends_data:
        raise ConfigError(
            f"machines.{name} would send items to {parts.hostname}",
            hint="set sends_data = true if the items may leave this machine, or use a server on this machine",
        )
    return url


def key_of(name: str, variable: str | None) -> str:
    """The secret in the environment variable; empty if the machine names none.

    Raises:
        ConfigError: The variable is not set, or its value cannot be sent.
    """
    if variable is None:
        return ""
    key = os.environ.get(variable, "")
    if not key or not key.isascii() or not key.isprintable():
        raise ConfigError(
            f"machines.{name}: the environment variable {variable} is not set", hint=f"export {variable}=YOUR_KEY"
        )
    return key


def model_note(client: Client, http: httpcore.ConnectionPool, model: str) -> str:
    """What the server tells of the model, such as its size: another model behind the same name tells something else.

    Raises:
        AnnotatorError: As ``Client.send``; or the server does not have the model.
    """
    try:
        status, found = client.send(http, "GET", "models")
    except Lost as lost:
        raise AnnotatorUnreachable(
            f"{client.url} does not answer: {lost}", hint="wait until the server is ready, or set a larger timeout"
        ) from None
    entries = found.get("data") if status == 200 and isinstance(found, dict) else None
    known = [one for one in entries if isinstance(one, dict)] if isinstance(entries, list) else []
    own = next((one for one in known if one.get("id") == model), None)
    if known and own is None and len(known) > 1:
        names = ", ".join(str(one.get("id"))[:60] for one in known[:4])
        raise AnnotatorError(f"{client.url} has no model {model!r}; it has {names}", hint="correct model")
    own = own or (known[0] if known else {})
    return repr(sorted((str(k), repr(v)) for k, v in own.items() if k not in ("created", "permission", "status")))


def _wait(told: str | None, attempt: int) -> float:
    """Seconds to wait, as a server told them in seconds or as a date; a short time where it told none."""
    try:
        seconds = float(told or "")
    except ValueError:
        try:
            seconds = parsedate_to_datetime(told or "").timestamp() - time.time()
        except (ValueError, OverflowError, OSError):
            seconds = float("nan")
    return float(min(0.5 * 2**attempt, 10.0)) if isnan(seconds) else min(max(seconds, 0.0), LONGEST_WAIT)


def _parsed(found: bytes | None) -> Any:
    try:
        return None if found is None else json.loads(found)
    except (ValueError, RecursionError):
        return None
