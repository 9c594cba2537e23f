"""The HTML page of a report: one file, without scripts and network access."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from activessl.reports.strips import strips
from activessl.reports.wording import check_rows, earlier_text, gate_text, hours_text, percent

_HERE = Path(__file__).parent / "page"
#: The only pictures that a page shows: embedded in the file.
_PICTURES = ("data:image/png;base64,", "data:image/jpeg;base64,", "data:image/webp;base64,")


def render(template: str = "report.html.j2", **shown: Any) -> str:
    """Render a page as HTML.

    Everything that comes from data is escaped; the content security policy allows this page's own style sheet, by its
    digest, and embedded pictures. A browser runs no script that a name or an id may contain.

    Args:
        template: The template, by default that of a report.
        shown: Variables of the template: the report, its drawings and its wording.
    """
    style = (_HERE / "report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    page = _environment().get_template(template)
    text = page.render(**shown, style=style, policy=policy)
    return text.replace(" %", "\N{NO-BREAK SPACE}%")  # a figure and its unit stay on one line


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": percent,
        "hours": hours_text,
        "count": lambda number: f"{number:,.0f}",
        "with_code": _with_code,
        "checks": check_rows,
        "gate": gate_text,
        "earlier": earlier_text,
        "strips": strips,
        "picture": lambda uri: uri if uri and uri.startswith(_PICTURES) else "",
    }
    return environment


def _with_code(text: str) -> Markup:
    """Set the text between backticks as code; escape everything."""
    parts = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part)
        if i % 2 and i + 1 < len(parts)
        else escape(part if i % 2 == 0 else f"`{part}")
        for i, part in enumerate(parts)
    )
