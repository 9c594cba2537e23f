"""The one door to a Label Studio server: who asks, with what patience, and what an error says.

Everything goes through ``label_studio_sdk``, which knows both kinds of token and renews the access token that a
personal one is exchanged for every 300 seconds. Its errors print the response's headers, session cookie included, so
none of them leaves this module: a caller sees our own errors, made of the status and the server's own sentence.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal, NoReturn
from urllib.parse import urlsplit

from activessl.errors import AnnotatorDenied, AnnotatorError, AnnotatorUnreachable

__all__ = ["Client", "TokenKind", "connect", "scrub", "token_kind"]

#: "personal" tokens are long JWTs, made in Account & Settings; "legacy" ones are 40 hexadecimal digits.
TokenKind = Literal["personal", "legacy"]

#: Seconds that one request may take; an import of thousands of tasks is answered only when all are stored.
TIMEOUT_S, IMPORT_TIMEOUT_S = 30.0, 600.0

_SECRETS = (
    re.compile(r"eyJ[\w-]{8,}(?:\.[\w-]+){1,2}"),  # a JWT, with or without its signature
    re.compile(r"\b[0-9a-f]{40}\b", re.IGNORECASE),  # a legacy token
    re.compile(r"(?i)\b(?:bearer|token|basic)\s+[\w.=+/-]{8,}"),
    re.compile(r"(?i)\b(?:sessionid|csrftoken|set-cookie|cookie|authorization|password)\b\s*[=:]\s*[^\s;,'\"]+"),
    re.compile(r"(?<=://)[^/@\s]+@"),  # name and password in an address
)


def scrub(text: str, *secrets: str) -> str:
    """Text without anything that opens a door: tokens, cookies, passwords in addresses.

    Example:
        >>> scrub("401 for Token 0123456789abcdef0123456789abcdef01234567, sessionid=abc; path=/")
        '401 for Token ***, ***; path=/'
    """
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    for pattern in _SECRETS:
        text = pattern.sub("***", text)
    return text


def token_kind(token: str) -> TokenKind:
    """Tell a personal access token from a legacy one by its form.

    Example:
        >>> token_kind("0123456789abcdef0123456789abcdef01234567")
        'legacy'
    """
    parts = token.split(".")
    if len(parts) != 3:
        return "legacy"
    try:
        header = json.loads(base64.urlsafe_b64decode(parts[0] + "=" * (-len(parts[0]) % 4)))
    except (binascii.Error, ValueError):
        return "legacy"
    return "personal" if isinstance(header, dict) and "alg" in header else "legacy"


class _BrokenOff(AnnotatorUnreachable):
    """An answer that ends in its middle: what was asked may have been carried out."""


@dataclass(frozen=True, eq=False, repr=False)
class Client:
    """A connection to one server as one user.

    Attributes:
        url: The server's address without a final slash.
        kind: Which kind of token opens it.
        user_id: The server's number of the token's owner; 0 where it was not asked.
        email: The owner's address.
        version: The server's release, such as "1.23.2".
    """

    url: str
    kind: TokenKind
    _sdk: Any
    _token: str
    user_id: int = 0
    email: str = ""
    version: str = ""

    def __repr__(self) -> str:
        return f"Client({self.url!r}, kind={self.kind!r}, email={self.email!r})"

    def get(
        self, path: str, body: Any = None, *, timeout: float = TIMEOUT_S, missing_ok: bool = False, **params: Any
    ) -> Any:
        """Read; repeated up to twice on a refused connection, 429, 5xx, or an answer that breaks off.

        What is not there is None with ``missing_ok``, else an error. A body is for filters that are too long for an
        address. A proxy may drop it: then more comes than was asked for.
        """
        for attempt in range(3):
            try:
                return self._request(
                    "GET", path, params=params, json=body, timeout=timeout, retries=2, missing_ok=missing_ok
                )
            except _BrokenOff:
                if attempt == 2:
                    raise
        return None

    def patch(self, path: str, body: Any) -> Any:
        """Change; repeating it changes nothing more, so it is retried like a read."""
        return self._request("PATCH", path, json=body, timeout=TIMEOUT_S, retries=2)

    def post(self, path: str, body: Any, *, timeout: float = TIMEOUT_S, **params: Any) -> Any:
        """Make something. Never repeated here: when the answer is lost, only the caller can find out what was made."""
        return self._request("POST", path, params=params, json=body, timeout=timeout, retries=0)

    def delete(self, path: str, body: Any = None, *, timeout: float = TIMEOUT_S) -> Any:
        """Delete; what is gone already counts as deleted."""
        return self._request("DELETE", path, json=body, timeout=timeout, retries=2, missing_ok=True)

    def upload(self, path: str, files: dict[str, tuple[str, bytes, str]], **params: Any) -> Any:
        """Send files as {field: (name, content, media type)}; each under a field of its own."""
        return self._request("POST", path, params=params, files=files, timeout=IMPORT_TIMEOUT_S, retries=0)

    def look(self, path: str) -> tuple[int, str]:
        """The status with which something is served, and its media type; 0 where nothing answers. Follows one address
        only: what a redirect leads to is another server's."""
        import httpx
        from label_studio_sdk.core.api_error import ApiError

        try:
            response = self._sdk._client_wrapper.httpx_client.request(
                path, method="GET", request_options={"timeout_in_seconds": TIMEOUT_S, "max_retries": 0}
            )
        except (httpx.HTTPError, ApiError, ValueError):
            return 0, ""
        return int(response.status_code), str(response.headers.get("content-type", ""))

    def clock(self) -> datetime | None:
        """The server's own time, to the second; None where it does not say."""
        import httpx
        from label_studio_sdk.core.api_error import ApiError

        try:
            response = self._sdk._client_wrapper.httpx_client.request(
                "/api/version", method="GET", request_options={"timeout_in_seconds": TIMEOUT_S, "max_retries": 2}
            )
            at = parsedate_to_datetime(str(response.headers.get("date")))
        except (httpx.HTTPError, ApiError, ValueError):
            return None
        return at if at.tzinfo else at.replace(tzinfo=UTC)

    def _request(
        self, method: str, path: str, *, timeout: float, retries: int, missing_ok: bool = False, **payload: Any
    ) -> Any:
        what = f"{method} {path}"
        status, text, problem = self._send(method, path, timeout, retries, payload)
        if status == 401 and self.kind == "personal":
            # the SDK renews the access token by this machine's clock: one that is late keeps a token that has expired
            self._sdk._client_wrapper._tokens_client._access_token = None
            status, text, problem = self._send(method, path, timeout, retries, payload)
        # raised outside of the except blocks, so that no traceback shows the SDK's error with its headers
        if problem is not None:
            _unreachable(self.url, what, problem)
        if missing_ok and status == 404:
            return None
        if status >= 400 or status == 0:
            _refused(self.url, what, status, self.scrub(_detail(text)), self.kind)
        if not text:
            return None
        try:
            return json.loads(text)
        except ValueError:
            broken = len(text)
        if text.lstrip()[:1] in ("{", "["):
            raise _BrokenOff(
                f"the answer of {self.url} to {what} broke off after {broken:,} bytes",
                hint="try again: what was sent before is found and not sent twice",
            )
        raise AnnotatorError(
            f"{self.url} answered {what} with {broken:,} bytes that are not complete JSON",
            hint="check that the address is Label Studio's own, not a login page or proxy, and try again",
        )

    def _send(
        self, method: str, path: str, timeout: float, retries: int, payload: dict[str, Any]
    ) -> tuple[int, str, str | None]:
        """The status (0 for none), the body, and what broke the connection, if anything did."""
        import httpx
        from label_studio_sdk.core.api_error import ApiError

        try:
            # the SDK's own transport: its typed methods lack half of the paths needed here, and parsing 20,000 tasks
            # into models takes longer than fetching them
            response = self._sdk._client_wrapper.httpx_client.request(
                path, method=method, request_options={"timeout_in_seconds": timeout, "max_retries": retries}, **payload
            )
        except ApiError as error:  # only renewing the access token raises it
            return error.status_code or 0, json.dumps(error.body, default=str), None
        except httpx.HTTPError as error:
            return 0, "", type(error).__name__
        except ValueError:  # the token exchange was answered with something that is not JSON
            return 502, "", None
        return response.status_code, response.text, None

    def scrub(self, text: str) -> str:
        """Text without this client's token or anything like it."""
        return scrub(text, self._token)


def connect(url: str, token: str, *, timeout: float = TIMEOUT_S, check: bool = True) -> Client:
    """Open a connection to a Label Studio server, and make sure that the token is accepted.

    Args:
        url: The server's address, such as ``http://127.0.0.1:8080``.
        token: A personal access token or a legacy token; which one is told by its form.
        timeout: Seconds that a request may take, > 0.
        check: Ask the server who the token belongs to.

    Raises:
        AnnotatorUnreachable: Nothing answers there, or not in time.
        AnnotatorDenied: The token is not accepted.
        AnnotatorError: The address cannot be used, or something else than Label Studio answers.
    """
    url, token = url.strip().rstrip("/"), token.strip()
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise AnnotatorError(
            f"{scrub(url)!r} is not the address of a server", hint="write it like http://127.0.0.1:8080"
        )
    if parts.username or parts.password:
        raise AnnotatorError(f"the address {scrub(url)} carries a password", hint="give the address and the token only")
    if not token:
        raise AnnotatorDenied(
            f"no token for {url}", hint="copy a personal access token from Label Studio's Account & Settings"
        )
    kind = token_kind(token)
    sdk = _open(url, token, timeout, kind)
    client = Client(url, kind, sdk, token)
    if not check:
        return client
    version = client.get("/api/version", timeout=timeout)
    me = client.get("/api/current-user/whoami", timeout=timeout)
    if not isinstance(me, dict) or not isinstance(version, dict) or "release" not in version:
        raise AnnotatorError(f"{url} is not a Label Studio server", hint="check the address and the port")
    return Client(url, kind, sdk, token, int(me.get("id") or 0), str(me.get("email") or ""), str(version["release"]))


def _open(url: str, token: str, timeout: float, kind: TokenKind) -> Any:
    import httpx
    from label_studio_sdk import LabelStudio  # 2.6 s: pandas
    from label_studio_sdk.core.api_error import ApiError

    # Label Studio's own server answers in two small packets; on a kept-alive connection each answer then waits 40 ms
    # for a delayed acknowledgement. A new connection costs far less on loopback, but not across a network with TLS.
    near = urlsplit(url).hostname in ("127.0.0.1", "::1", "localhost")
    limits = httpx.Limits(max_keepalive_connections=0) if near else httpx.Limits(max_keepalive_connections=8)
    opened, detail = None, ""
    try:
        # a proxy from the environment must not come between us and a server on this machine
        transport = httpx.Client(timeout=timeout, limits=limits, follow_redirects=False, trust_env=not near)
        open_sdk: Any = LabelStudio  # untyped in the SDK
        opened = open_sdk(base_url=url, api_key=token, httpx_client=transport)
    except ApiError as error:  # raised in the constructor for an expired or unlimited JWT
        detail = _detail(json.dumps(error.body, default=str))
    if opened is None:
        _refused(url, "the token", 401, scrub(detail, token), kind)
    return opened


def _detail(text: str) -> str:
    """The server's own sentence out of an error's body: short, or nothing when the body is a page."""
    try:
        body = json.loads(text)
    except ValueError:
        return ""
    if isinstance(body, str):
        return body[:300]
    if not isinstance(body, dict):
        return ""
    parts = [body["detail"]] if isinstance(body.get("detail"), str) else []
    errors = body.get("validation_errors")
    for name, said in errors.items() if isinstance(errors, dict) else ():
        parts.append(f"{name}: {said[0] if isinstance(said, list) and said else said}")
    return "; ".join(str(part) for part in parts)[:300]


def _unreachable(url: str, what: str, problem: str) -> NoReturn:
    if "Timeout" in problem and problem != "ConnectTimeout":
        raise AnnotatorUnreachable(
            f"{url} did not answer {what} in time", hint="try again: what was sent before is found and not sent twice"
        )
    if problem in ("ConnectError", "ConnectTimeout"):
        raise AnnotatorUnreachable(
            f"nothing answers at {url}", hint="start Label Studio (`activessl studio start`), or correct the address"
        )
    raise AnnotatorUnreachable(
        f"the connection to {url} broke during {what} ({problem})",
        hint="try again: what was sent before is found and not sent twice",
    )


def _refused(url: str, what: str, status: int, detail: str, kind: TokenKind) -> NoReturn:
    said = f": {detail}" if detail else ""
    if status == 401 and "legacy token authentication has been disabled" in detail:
        raise AnnotatorDenied(
            f"{url} has switched legacy tokens off",
            hint="use a personal access token, or allow legacy tokens under Organization > API Tokens Settings",
        )
    if status == 401:
        raise AnnotatorDenied(
            f"{url} does not accept the {kind} token{said}",
            hint="copy a personal access token from Account & Settings > Personal Access Token",
        )
    if status == 403:
        raise AnnotatorDenied(
            f"{url} does not allow {what}{said}", hint="use the token of a user who may manage the project"
        )
    if status == 404:
        raise AnnotatorError(
            f"{url} has no {what.split(' ', 1)[-1]}{said}",
            hint="check the project's number, and that this user sees it",
        )
    if status == 413:
        raise AnnotatorError(f"{url} takes no request that large ({what})", hint="push fewer items at a time")
    if status == 429 or status >= 500:
        raise AnnotatorUnreachable(
            f"{url} answered {what} with {status}{said}", hint="try again in a minute, and look into the server's log"
        )
    raise AnnotatorError(f"{url} refused {what} ({status}){said}", hint="correct what the server names and try again")
