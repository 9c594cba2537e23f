"""The connection to a Label Studio server: authentication, timeouts, retries and errors.

All requests use ``label_studio_sdk``, which supports both kinds of token and renews the access token of a personal
token every 300 seconds. Its errors print the response's headers with the session cookie. Therefore no SDK error leaves
this module: callers get errors of activessl, which contain the status and the message of the server.
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

__all__ = ["Client", "TokenKind", "check_address", "connect", "scrub", "token_kind"]

#: "personal" tokens are long JWTs, made in Account & Settings; "legacy" tokens are 40 hexadecimal digits.
TokenKind = Literal["personal", "legacy"]

#: Seconds that one request may take. The answer to an import of thousands of tasks comes when all are stored.
TIMEOUT_S, IMPORT_TIMEOUT_S = 30.0, 600.0

_SECRETS = (
    re.compile(r"eyJ[\w-]{8,}(?:\.[\w-]+){1,2}"),  # a JWT, with or without its signature
    re.compile(r"\b[0-9a-f]{40}\b", re.IGNORECASE),  # a legacy token
    re.compile(r"(?i)\b(?:bearer|token|basic)\s+[\w.=+/-]{8,}"),
    re.compile(r"(?i)\b(?:sessionid|csrftoken|set-cookie|cookie|authorization|password)\b\s*[=:]\s*[^\s;,'\"]+"),
    re.compile(r"(?<=://)[^/@\s]+@"),  # name and password in an address
)


def scrub(text: str, *secrets: str) -> str:
    """Remove secrets from a text: tokens, cookies, passwords in addresses.

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
    """Return the kind of a token, which its form shows.

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
    """An incomplete answer: the server may have carried out the request."""


@dataclass(frozen=True, eq=False, repr=False)
class Client:
    """A connection to one server as one user.

    Attributes:
        url: The server's address without a final slash.
        kind: The kind of the token.
        user_id: The server's number for the owner of the token; 0 if it was not requested.
        email: The e-mail address of the owner.
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
        """Send GET; repeat up to twice after a refused connection, 429, 5xx, or an incomplete answer.

        A missing resource (404) gives None with ``missing_ok``, else an error. ``body`` is for filters that are too
        long for an address. A proxy may drop the body: then the answer has more rows than the filter allows.
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
        """Send PATCH; repeated like ``get``, because a second PATCH changes nothing more."""
        return self._request("PATCH", path, json=body, timeout=TIMEOUT_S, retries=2)

    def post(self, path: str, body: Any, *, timeout: float = TIMEOUT_S, **params: Any) -> Any:
        """Send POST, once: when the answer is lost, only the caller can find out what the server made."""
        return self._request("POST", path, params=params, json=body, timeout=timeout, retries=0)

    def delete(self, path: str, body: Any = None, *, timeout: float = TIMEOUT_S) -> Any:
        """Send DELETE; a resource that does not exist counts as deleted."""
        return self._request("DELETE", path, json=body, timeout=timeout, retries=2, missing_ok=True)

    def upload(self, path: str, files: dict[str, tuple[str, bytes, str]], **params: Any) -> Any:
        """Upload files, given as {field: (name, content, media type)}, each with its own field."""
        return self._request("POST", path, params=params, files=files, timeout=IMPORT_TIMEOUT_S, retries=0)

    def look(self, path: str) -> tuple[int, str]:
        """Return the status of the answer to GET, and its media type; 0 if nothing answers. Redirects are not followed:
        they may lead to another server."""
        response = self._file(path, retries=0)
        return (0, "") if response is None else (response.status_code, str(response.headers.get("content-type", "")))

    def read_file(self, path: str) -> bytes | None:
        """Return a file that the server itself serves; None if it does not. Redirects are not followed."""
        response = self._file(path, retries=2)
        return bytes(response.content) if response is not None and response.status_code == 200 else None

    def _file(self, path: str, *, retries: int) -> Any:
        import httpx
        from label_studio_sdk.core.api_error import ApiError

        try:
            return self._sdk._client_wrapper.httpx_client.request(
                path, method="GET", request_options={"timeout_in_seconds": TIMEOUT_S, "max_retries": retries}
            )
        except (httpx.HTTPError, ApiError, ValueError):
            return None

    def clock(self) -> datetime | None:
        """Return the time of the server's clock, in whole seconds; None if the answer has no time."""
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
            # the SDK renews the access token by the clock of this machine: if the clock is late, the token has expired
            self._sdk._client_wrapper._tokens_client._access_token = None
            status, text, problem = self._send(method, path, timeout, retries, payload)
        # raised outside the except blocks, so that no traceback shows the SDK's error with its headers
        if problem == "no token":
            raise AnnotatorUnreachable(
                f"{self.url} answered the request for an access token with text that is not JSON",
                hint="check that the address is Label Studio's own, not a login page or proxy, and try again",
            )
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
                f"the answer of {self.url} to {what} is incomplete: it ends after {broken:,} bytes",
                hint="try again: data that the server has are not sent twice",
            )
        raise AnnotatorError(
            f"{self.url} answered {what} with {broken:,} bytes that are not complete JSON",
            hint="check that the address is Label Studio's own, not a login page or proxy, and try again",
        )

    def _send(
        self, method: str, path: str, timeout: float, retries: int, payload: dict[str, Any]
    ) -> tuple[int, str, str | None]:
        """Return the status (0 for none), the body, and the name of the connection error, if there is one."""
        import httpx
        from label_studio_sdk.core.api_error import ApiError

        try:
            # the SDK's transport, not its typed methods: these lack half of the paths needed here, and parse 20,000
            # tasks into models more slowly than they fetch them
            response = self._sdk._client_wrapper.httpx_client.request(
                path, method=method, request_options={"timeout_in_seconds": timeout, "max_retries": retries}, **payload
            )
        except ApiError as error:  # raised only when the access token is renewed
            return error.status_code or 0, json.dumps(error.body, default=str), None
        except httpx.HTTPError as error:
            return 0, "", type(error).__name__
        except ValueError:  # the answer to the token exchange is not JSON
            return 0, "", "no token"
        return response.status_code, response.text, None

    def scrub(self, text: str) -> str:
        """Remove this client's token, and everything that looks like a secret, from a text."""
        return scrub(text, self._token)


def connect(url: str, token: str, *, timeout: float = TIMEOUT_S, check: bool = True) -> Client:
    """Open a connection to a Label Studio server, and check that the server accepts the token.

    Args:
        url: The server's address, such as ``http://127.0.0.1:8080``.
        token: A personal access token or a legacy token; ``token_kind`` recognizes which.
        timeout: Seconds that a request may take, > 0.
        check: Ask the server for the owner of the token.

    Raises:
        AnnotatorUnreachable: Nothing answers at the address, or not in time.
        AnnotatorDenied: The token is not accepted.
        AnnotatorError: The address is not valid, or the server is not Label Studio.
    """
    url, token = url.strip().rstrip("/"), token.strip()
    _check_form(url)
    if not token:
        check_address(url)
        raise AnnotatorDenied(
            f"no token for {url}", hint="copy a personal access token from Label Studio's Account & Settings"
        )
    kind = token_kind(token)
    sdk = _open(url, token, timeout, kind)
    client = Client(url, kind, sdk, token)
    if not check:
        return client
    version = me = failed = None
    try:
        version = client.get("/api/version", timeout=timeout)
        me = client.get("/api/current-user/whoami", timeout=timeout)
    except AnnotatorError as error:
        failed = error
    if not isinstance(me, dict) or not isinstance(version, dict) or "release" not in version:
        # what other servers, and other addresses of Label Studio, answer says little: ask whether the address is wrong
        check_address(url)
        raise failed or AnnotatorError(f"{url} is not a Label Studio server", hint="check the address and the port")
    return Client(url, kind, sdk, token, int(me.get("id") or 0), str(me.get("email") or ""), str(version["release"]))


def check_address(url: str) -> None:
    """Check without a token that an address may be the root of a Label Studio server.

    Raises:
        AnnotatorUnreachable: Nothing answers at the address.
        AnnotatorError: The address is not valid, is below the root of a server, or the server is not Label Studio.
    """
    import httpx

    url = url.strip().rstrip("/")
    _check_form(url)
    problem, status = None, 0
    try:
        # Label Studio answers /api/version below every path, but this below its root only: 401 without a token
        status = httpx.get(f"{url}/api/current-user/whoami", timeout=5.0, trust_env=not _is_near(url)).status_code
    except httpx.HTTPError as error:
        problem = type(error).__name__
    if problem is not None:
        _unreachable(url, "the first request", problem)
    if status in (401, 403, 429) or status >= 500:
        return  # with a proxy or a busy server, only a request with the token can tell
    parts = urlsplit(url)
    if parts.path or parts.query or parts.fragment:
        raise AnnotatorError(
            f"{url} is not the root of a Label Studio server",
            hint=f"write the address without the path: {parts.scheme}://{parts.netloc}",
        )
    raise AnnotatorError(f"{url} is not a Label Studio server", hint="check the address and the port")


def _check_form(url: str) -> None:
    """Refuse what is not the address of a server, or contains a password."""
    parts = None
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, or a broken IPv6 address
        good = False
    if parts is None or not good:
        raise AnnotatorError(
            f"{scrub(url)!r} is not the address of a server", hint="write the address like http://127.0.0.1:8080"
        )
    if parts.username or parts.password:
        raise AnnotatorError(
            f"the address {scrub(url)} contains a password", hint="give the address and the token only"
        )


def _is_near(url: str) -> bool:
    return urlsplit(url).hostname in ("127.0.0.1", "::1", "localhost")


def _open(url: str, token: str, timeout: float, kind: TokenKind) -> Any:
    import httpx
    from label_studio_sdk import LabelStudio  # 2.6 s: pandas
    from label_studio_sdk.core.api_error import ApiError

    # Label Studio's own server answers in two small packets, so that on a kept-alive connection each answer is 40 ms
    # late (delayed acknowledgement). On loopback a new connection is much faster; across a network with TLS it is not.
    near = _is_near(url)
    limits = httpx.Limits(max_keepalive_connections=0) if near else httpx.Limits(max_keepalive_connections=8)
    opened, detail = None, ""
    try:
        # a proxy from the environment must not be used for a server on this machine
        transport = httpx.Client(timeout=timeout, limits=limits, follow_redirects=False, trust_env=not near)
        open_sdk: Any = LabelStudio  # untyped in the SDK
        opened = open_sdk(base_url=url, api_key=token, httpx_client=transport)
    except ApiError as error:  # the constructor raises it for an expired or unlimited JWT
        detail = _detail(json.dumps(error.body, default=str))
    if opened is None:
        _refused(url, "the token", 401, scrub(detail, token), kind)
    return opened


def _detail(text: str) -> str:
    """Return the message in an error's body: short, or empty if the body is a page."""
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
            f"{url} did not answer {what} in time", hint="try again: data that the server has are not sent twice"
        )
    if problem in ("ConnectError", "ConnectTimeout"):
        raise AnnotatorUnreachable(
            f"nothing answers at {url}", hint="start Label Studio (`activessl studio start`), or correct the address"
        )
    raise AnnotatorUnreachable(
        f"the connection to {url} broke during {what} ({problem})",
        hint="try again: data that the server has are not sent twice",
    )


def _refused(url: str, what: str, status: int, detail: str, kind: TokenKind) -> NoReturn:
    said = f": {detail}" if detail else ""
    if status == 401 and "legacy token authentication has been disabled" in detail:
        raise AnnotatorDenied(
            f"{url} does not accept legacy tokens",
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
            hint="check the number of the project, and that this user has access to it",
        )
    if status == 413:
        raise AnnotatorError(f"{url} refuses a request of this size ({what})", hint="push fewer items at a time")
    if status == 429 or status >= 500:
        raise AnnotatorUnreachable(
            f"{url} answered {what} with {status}{said}", hint="read the log of the server, and try again in a minute"
        )
    raise AnnotatorError(f"{url} refused {what} ({status}){said}", hint="correct what the server names and try again")
