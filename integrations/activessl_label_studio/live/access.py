"""Who may see the live page, and press its buttons: one token, signed visits, a token for each form.

A visit is signed with a key that is made from the token, and is stored nowhere: each of several workers behind one
address knows it, also after a restart, and a new token ends all of them.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie

__all__ = ["COOKIE", "HOURS", "Access", "Visit"]

#: The name of the cookie. With a proxy that speaks TLS it is sent over TLS only.
COOKIE = "activessl_visit"

#: How long a visit lasts.
HOURS = 12

#: How many visits are remembered as ended by this worker, until they end by themselves.
_ENDED = 10_000

#: Wrong tokens that are answered at once within a minute; further ones are refused.
_TRIES = 10


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody who has logged in.

    Attributes:
        form: A word that each form must send back, so that no other page can press a button.
        until: When it ends, in seconds since 1970.
    """

    form: str
    until: float


class Access:
    """Checks tokens, cookies and forms.

    Args:
        token: The token that lets people in, at least 16 characters.
        secure: Whether the page is reached over TLS.
        clock: Seconds since 1970, which several workers share.
    """

    def __init__(self, token: str, *, secure: bool = False, clock: Callable[[], float] = time.time) -> None:
        self._token, self._secure, self._clock = token.encode(), secure, clock
        self._ended: dict[str, None] = {}
        self._wrong: list[float] = []
        self._guard = threading.Lock()

    def login(self, token: str) -> str | None:
        """Return the value of ``Set-Cookie`` for a right token; None for a wrong one, or after too many wrong ones."""
        now = self._clock()
        with self._guard:
            self._wrong = [at for at in self._wrong if now - at < 60]
            right = hmac.compare_digest(token.encode(errors="replace"), self._token)
            if not right or len(self._wrong) >= _TRIES:
                self._wrong.append(now)
                self._wrong = self._wrong[-_TRIES:]
                return None
        told = f"{secrets.token_urlsafe(24)}.{now + 3600 * HOURS:.0f}"
        name = f"{told}.{self._signed('visit', told)}"
        secure = "; Secure" if self._secure else ""
        return f"{COOKIE}={name}; Path=/; Max-Age={3600 * HOURS}; HttpOnly; SameSite=Strict{secure}"

    def visit(self, cookie: str) -> Visit | None:
        """Return the visit that a ``Cookie`` header belongs to; None without one."""
        name = _cookie(cookie)
        told, _, signature = name.rpartition(".")
        if not hmac.compare_digest(signature.encode(errors="replace"), self._signed("visit", told).encode()):
            return None
        until = float(told.rpartition(".")[2])  # nobody else has signed it
        with self._guard:
            if until < self._clock() or name in self._ended:
                return None
        return Visit(self._signed("form", told), until)

    def logout(self, cookie: str) -> str:
        """End a visit at this worker; return the value of ``Set-Cookie`` that removes the cookie from the browser."""
        if self.visit(cookie) is not None:
            with self._guard:
                self._ended[_cookie(cookie)] = None
                while len(self._ended) > _ENDED:
                    del self._ended[next(iter(self._ended))]
        return f"{COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict"

    def _signed(self, what: str, text: str) -> str:
        """A signature, by a key that tells nothing about the token."""
        key = hmac.new(self._token, b"activessl live page", hashlib.sha256).digest()
        return hmac.new(key, f"{what}:{text}".encode(errors="replace"), hashlib.sha256).hexdigest()

    @staticmethod
    def may(visit: Visit, form: str, site: str) -> bool:
        """Whether a form was sent from this page.

        Args:
            visit: Who sent it.
            form: The word in the form.
            site: The header ``Sec-Fetch-Site``, which browsers set and pages cannot; empty in old browsers.
        """
        return site in ("", "same-origin", "none") and hmac.compare_digest(
            form.encode(errors="replace"), visit.form.encode()
        )


def _cookie(header: str) -> str:
    try:
        found = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return ""
    return "" if found is None else found.value
