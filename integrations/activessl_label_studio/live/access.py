"""Who may see the live page, and press its buttons: one token, sessions in memory, a token for each form."""

from __future__ import annotations

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

#: The most visits at once: further ones end the oldest.
_VISITS = 200

#: Wrong tokens that are answered at once within a minute; further ones are refused.
_TRIES = 10


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody who has logged in.

    Attributes:
        form: A word that each form must send back, so that no other page can press a button.
        until: When it ends, by ``time.monotonic``.
    """

    form: str
    until: float


class Access:
    """Checks tokens, cookies and forms.

    Args:
        token: The token that lets people in, at least 16 characters.
        secure: Whether the page is reached over TLS.
        clock: Seconds that only grow.
    """

    def __init__(self, token: str, *, secure: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self._token, self._secure, self._clock = token.encode(), secure, clock
        self._visits: dict[str, Visit] = {}
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
            name = secrets.token_urlsafe(24)
            self._visits[name] = Visit(secrets.token_urlsafe(24), now + 3600 * HOURS)
            while len(self._visits) > _VISITS:
                del self._visits[next(iter(self._visits))]
        secure = "; Secure" if self._secure else ""
        return f"{COOKIE}={name}; Path=/; Max-Age={3600 * HOURS}; HttpOnly; SameSite=Strict{secure}"

    def visit(self, cookie: str) -> Visit | None:
        """Return the visit that a ``Cookie`` header belongs to; None without one."""
        name = _cookie(cookie)
        with self._guard:
            found = self._visits.get(name)
            if found is not None and found.until < self._clock():
                del self._visits[name]
                return None
            return found

    def logout(self, cookie: str) -> str:
        """End a visit; return the value of ``Set-Cookie`` that removes the cookie."""
        with self._guard:
            self._visits.pop(_cookie(cookie), None)
        return f"{COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict"

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
