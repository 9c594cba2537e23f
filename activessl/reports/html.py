"""The HTML page of a report: one file, without network access."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
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
_SOUND = "data:audio/wav;base64,"


def render(template: str = "report.html.j2", **shown: Any) -> str:
    """Render a page as HTML; arguments as of :func:`parts`."""
    return "".join(parts(template, **shown))


def parts(template: str, *, script: str = "", **shown: Any) -> Iterator[str]:
    """Yield a page as HTML, piece by piece, so that its pictures are never in memory together.

    Everything that comes from data is escaped; the content security policy allows this page's own style sheet and
    script, by their digests, and embedded pictures and sounds. A browser runs no script that a name or an id may
    contain.

    Args:
        template: The template.
        script: The file of the page's script; empty for a page without one.
        shown: Variables of the template: the report, its drawings and its wording.
    """
    style = _tight((_HERE / "report.css").read_text(encoding="utf-8"))
    code = _tight((_HERE / script).read_text(encoding="utf-8")) if script else ""
    embedded = "img-src data:; media-src data:"
    policy = f"default-src 'none'; {embedded}; style-src {_digest(style)}; base-uri 'none'; form-action 'none'"
    if script:
        policy += f"; script-src {_digest(code)}"
    page = _environment().get_template(template)
    held = ""  # a figure and its unit stay on one line, also where a piece ends between them
    for piece in page.generate(**shown, style=style, script=code, policy=policy):
        text = held + piece
        held = " " if text.endswith(" ") else ""
        yield _tight(text[: len(text) - len(held)])
    yield held


def _tight(text: str) -> str:
    return text.replace(" %", "\N{NO-BREAK SPACE}%")


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def as_json(value: Any) -> Markup:
    """Write a value as JSON that cannot end the element that it stands in, and that no later step changes.

    Example:
        >>> str(as_json({"</script>": "5 %"}))
        '{"\\\\u003c/script\\\\u003e":"5 \\\\u0025"}'
    """
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    for sign in "<>&%":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)  # noqa: S704  nothing is left that HTML reads as markup


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
        "json": as_json,
        "strips": strips,
        "sound": lambda uri: uri if uri and uri.startswith(_SOUND) else "",
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
