"""The live page as HTML, with the headers that limit what it may do."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from activessl_label_studio.live.view import HEIGHT, WIDTH, Live

__all__ = ["HEADERS", "fragment", "login_page", "page"]

_HERE = Path(__file__).parent / "page"


def _read(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


_STYLE, _SCRIPT = _read("live.css"), _read("live.js")

#: The page may run its own script and style, fetch from its own server, and send forms there; nothing else.
_POLICY = (
    f"default-src 'none'; style-src {_digest(_STYLE)}; script-src {_digest(_SCRIPT)}; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

#: The headers of every page.
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def page(live: Live, form: str) -> str:
    """Return the whole page.

    Args:
        live: What it shows.
        form: The word that its forms send back.
    """
    return _render("live.html.j2", live=live, form=form)


def fragment(live: Live, form: str) -> str:
    """Return the part of the page that changes."""
    return _render("now.html.j2", live=live, form=form)


def login_page(*, wrong: bool = False) -> str:
    """Return the page that asks for the token."""
    return _render("login.html.j2", wrong=wrong)


def _render(template: str, **shown: Any) -> str:
    return (
        _environment().get_template(template).render(**shown, style=_STYLE, script=_SCRIPT, width=WIDTH, height=HEIGHT)
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["count"] = lambda number: f"{number:,.0f}"
    # an address of the labeling tool comes from the ledger: only a web address becomes a link
    environment.filters["address"] = lambda url: url if url.startswith(("http://", "https://")) else ""
    return environment
