"""``activessl check``: examine the data before anybody labels them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from activessl_cli import render
from activessl_cli.next_step import next_of
from activessl_cli.options import HERE, JsonOption, ProjectOption

if TYPE_CHECKING:
    from collections.abc import Iterator

    from activessl.steps.check import Checked, Fixed

SHOWN = 5  # of each kind; --json has all


def check(
    project: ProjectOption = HERE,
    fix: Annotated[
        bool, typer.Option("--fix", help="Set the items of errors and warnings aside; nothing is deleted.")
    ] = False,
    unfix: Annotated[bool, typer.Option("--unfix", help="Take items that were set aside into the pool again.")] = False,
    kind: Annotated[
        list[str] | None, typer.Option(help="With --fix or --unfix: only this kind; repeat the option for several.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Also write a page with the first items of each kind, copies side by side.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List unreadable, duplicate, blank, dark, blurred, clipped, leaking and odd items before anybody labels them."""
    from activessl.errors import ConfigError
    from activessl.project.folder import Project
    from activessl.steps.check import check_data, set_aside, take_back

    if fix and unfix:
        raise ConfigError("--fix and --unfix exclude each other", hint="use one of them")
    if kind and not (fix or unfix):
        raise ConfigError("--kind needs --fix or --unfix", hint="add one of them; --json has the items of each kind")
    opened = Project.open(project)
    back = take_back(opened, kind or ()) if unfix else None
    with render.progress("check") as on_progress:
        checked = check_data(opened, on_progress)
    if html is not None:
        from activessl.reports.checked import write_page

        write_page(checked, opened.own.annotator.title, html)
    fixed = set_aside(opened, checked, kind or ()) if fix else None
    if fixed and fixed.aside:
        checked = check_data(opened)
    of_regions = opened.own.data.drawing is not None
    told, lines = _remarks(checked, of_regions), list(_lines(opened.config.data.modality, checked))
    lines += told
    lines += _done(fixed, back)
    if html is not None:
        lines.append(f"page: {html}")
    said = {
        "remarks": told,
        "set_aside": [{"id": item, "kind": one.kind} for item, one in checked.aside.items()],
        "kept": list(fixed.kept) if fixed else [],
        "compared": checked.compared,
        "metadata": [
            {
                "name": column.name,
                "kind": column.kind,
                "from": column.origin,
                "known": column.known,
                "left_out": column.note or column.useless or None,
            }
            for column in (checked.metadata.columns if checked.metadata else ())
        ],
    }
    render.result(checked.quality.to_json() | said, "\n".join(lines), as_json=as_json)
    # with regions, encode makes vectors of parts, which are never compared: whether to encode is as the project says
    render.following(next_of(opened) if checked.compared or of_regions else "activessl encode")


def _lines(modality: str, checked: Checked) -> Iterator[str]:
    """The items, and the findings of each kind."""
    from activessl.pool.forms.registry import form_named

    quality, shape_text = checked.quality, form_named(modality).shape_text
    yield f"{quality.items:,} items can be used"
    for shape, count in quality.shapes:
        yield f"  {count:,} of {shape_text(shape)}"
    for kind, findings in quality.found():
        shown = [f"{one.id} ({one.why})" if one.why else one.id for one in findings[:SHOWN]]
        more = f", and {len(findings) - SHOWN:,} more" if len(findings) > SHOWN else ""
        items = "1 item is" if len(findings) == 1 else f"{len(findings):,} items are"
        yield f"{items} {kind.says}: {', '.join(shown)}{more}"
        yield f"  {kind.severity}: {kind.remedy}"
    if checked.aside:
        first = ", ".join(list(checked.aside)[:SHOWN])
        more = f", and {len(checked.aside) - SHOWN:,} more" if len(checked.aside) > SHOWN else ""
        items = "1 item is" if len(checked.aside) == 1 else f"{len(checked.aside):,} items are"
        yield f"{items} set aside: {first}{more}"
        yield "  take them back with `activessl check --unfix`"


def _remarks(checked: Checked, of_regions: bool) -> list[str]:
    """What a reader would not expect of the data."""
    from activessl.pool.parts import told_parts
    from activessl.pool.remarks import remarks

    told = remarks(checked.pool)
    if checked.test is None and not checked.untested:
        told += told_parts(checked.pool)
    if checked.groups:
        told.insert(0, checked.groups)
    told += checked.metadata.told() if checked.metadata else []
    if checked.unknown:
        told.append(f"the metadata cannot be used: {checked.unknown}")
    if checked.untested:
        told.append(f"the test data were not compared: {checked.untested}")
    if of_regions:
        told.append("items were compared by what they show")
    elif not checked.compared:
        told.append("items were compared by what they show; after encode, check compares their vectors, too")
    return told


def _done(fixed: Fixed | None, back: int | None) -> Iterator[str]:
    """What --fix or --unfix has done."""
    if back is not None:
        yield f"{back:,} item{'s were' if back != 1 else ' was'} taken into the pool again"
    if fixed is None:
        return
    count = sum(fixed.aside.values())
    each = ", ".join(f"{number:,} {kind}" for kind, number in fixed.aside.items())
    yield f"{count:,} item{'s were' if count != 1 else ' was'} set aside now{f' ({each})' if each else ''}"
    if fixed.kept:
        many = "1 item has" if len(fixed.kept) == 1 else f"{len(fixed.kept):,} items have"
        yield f"{many} an answer or an open question, and stay in the pool: {', '.join(fixed.kept[:SHOWN])}"
