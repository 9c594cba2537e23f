"""The answers of the live page: a status, headers and a body for each request. No HTTP here."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import parse_qs

from activessl.errors import ActiveSSLError, LedgerError
from activessl.proof.measured import Measured, kept_measures
from activessl.session import Session
from activessl_label_studio.live.access import Access, Visit
from activessl_label_studio.live.render import HEADERS, fragment, login_page, page
from activessl_label_studio.live.view import Live
from activessl_label_studio.worker import Order, Worker

__all__ = ["Desk", "Reply"]

#: The orders that a form may send.
_ORDERS = ("open", "teach", "accept", "stop", "go on")

#: The report brings its own policy in the page; no other page may show it in a frame.
_REPORT_HEADERS = HEADERS | {"Content-Security-Policy": "frame-ancestors 'none'"}


#: What no browser takes for a page.
_PLAIN = {"Content-Type": "text/plain; charset=utf-8"}

#: Seconds between two looks into the ledger for what other workers have written.
_LOOK_S = 2.0


@dataclass(frozen=True)
class Reply:
    """What is answered.

    Attributes:
        status: The status of HTTP.
        body: The page; empty for a redirection.
        headers: The headers.
    """

    status: int
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=lambda: dict(HEADERS))


class Desk:
    """Answers people who look at the live page.

    Args:
        worker: The worker of the service; orders go to its thread.
        access: Who is let in.

    Attributes:
        closed: Whether the service stops, so that no stream goes on.
    """

    def __init__(self, worker: Worker, access: Access) -> None:
        self.worker, self.access = worker, access
        # a project of its own: the worker's keeps what it has folded, and belongs to its thread
        self.session = Session.open(worker.session.project.folder)
        self._guard, self._measuring, self._reporting = threading.Lock(), threading.Lock(), threading.Lock()
        self._report: tuple[int, str] | None = None
        self._failed = ""
        self._looked, self._last = 0.0, 0
        self.closed = False

    def close(self) -> None:
        """End the streams of open pages: the service stops."""
        self.closed = True

    def changes(self) -> int:
        """A number that grows whenever the page may have changed, also by what another worker has written."""
        if time.monotonic() - self._looked > _LOOK_S:
            self._looked = time.monotonic()
            with suppress(LedgerError), self.session.project.ledger() as ledger:
                self._last = ledger.last()
        return self.worker.changes + self._last

    def home(self, cookie: str) -> Reply:
        """The page; the one that asks for the token for those who have not logged in."""
        visit = self.access.visit(cookie)
        return Reply(200, login_page()) if visit is None else self._shown(visit, whole=True)

    def live(self, cookie: str) -> Reply:
        """The part of the page that changes."""
        visit = self.access.visit(cookie)
        return _said(401, "log in") if visit is None else self._shown(visit, whole=False)

    def login(self, body: bytes, site: str) -> Reply:
        """Let somebody in."""
        token = _form(body).get("token", "")
        cookie = self.access.login(token) if site in ("", "same-origin", "none") else None
        if cookie is None:
            return Reply(401, login_page(wrong=True))
        return _to_page({"Set-Cookie": cookie})

    def logout(self, cookie: str) -> Reply:
        """End a visit."""
        return _to_page({"Set-Cookie": self.access.logout(cookie)})

    def order(self, cookie: str, body: bytes, site: str) -> Reply:
        """Take an order of a form; what came of it is told on the page."""
        visit, said = self.access.visit(cookie), _form(body)
        if visit is None:
            return Reply(401, login_page())
        if not self.access.may(visit, said.get("form", ""), site):
            return _said(403, "this form was not sent by the live page: open it again")
        what = said.get("what", "")
        if what not in _ORDERS:
            return _said(400, f"there is no order {what[:40]!r}")
        error = 0.05
        if what == "accept":
            try:
                error = float(said.get("error", "")) / 100
            except ValueError:
                error = 0.0
            if not 0 < error < 1:
                return _said(400, "the share of wrong labels must be above 0 and below 100 %")
        try:
            self.worker.order(cast(Order, what), error=error)
        except LedgerError as problem:
            return Reply(503, f"{problem.message}; {problem.hint}", {**HEADERS, **_PLAIN})
        return _to_page({})

    def report(self, cookie: str) -> Reply:
        """The full report of now, made again only after something has happened."""
        if self.access.visit(cookie) is None:
            return Reply(401, login_page())
        with self._reporting:
            try:
                with self.session.project.ledger() as ledger:
                    last = ledger.last()
                if self._report is None or self._report[0] != last:
                    draws = self.session.draws
                    made = "".join(self.session.region_report().to_html()) if draws else self.session.report().to_html()
                    self._report = (last, made)
            except ActiveSSLError as problem:
                return Reply(503, f"{problem.message}; {problem.hint}", {**HEADERS, **_PLAIN})
            return Reply(200, self._report[1], _REPORT_HEADERS)

    def _shown(self, visit: Visit, *, whole: bool) -> Reply:
        try:
            with self._guard:
                live = Live.of(self.session.project, self.worker, self._measured())
        except ActiveSSLError as problem:
            return Reply(503, f"{problem.message}; {problem.hint}", {**HEADERS, **_PLAIN})
        return Reply(200, page(live, visit.form) if whole else fragment(live, visit.form))

    def _measured(self) -> Measured | None:
        """The figures of these labels; None while they are measured, in a thread of their own, and of regions, whose
        figures need no model."""
        if self.session.draws:
            return None
        history = self.session.project.history()
        kept = kept_measures(self.session.project, history)
        key = f"{history.digest()} {history.events}"
        if kept is not None:
            return kept
        if self._failed == key:
            return Measured()
        if self._measuring.acquire(blocking=False):
            threading.Thread(target=self._measure, args=(key,), name="activessl measures", daemon=True).start()
        return None

    def _measure(self, key: str) -> None:
        try:
            Session.open(self.session.project.folder).measure()
        except Exception:  # noqa: BLE001 - the page says that nothing is measured; the worker tells what is wrong
            self._failed = key
        finally:
            self._measuring.release()
            self.worker.changes += 1


def _form(body: bytes) -> dict[str, str]:
    try:
        return {name: values[-1] for name, values in parse_qs(body.decode(), max_num_fields=20).items()}
    except ValueError:  # no UTF-8, or too many fields
        return {}


def _said(status: int, text: str) -> Reply:
    """A sentence, which no browser takes for a page."""
    return Reply(status, text, {**HEADERS, **_PLAIN})


def _to_page(more: Mapping[str, str]) -> Reply:
    return Reply(303, "", {**HEADERS, "Location": "./", **more})
