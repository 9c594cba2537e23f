"""``activessl check``: examine the data before anybody labels them."""

from __future__ import annotations

from activessl_cli import render
from activessl_cli.next_step import next_of
from activessl_cli.options import HERE, JsonOption, ProjectOption

SHOWN = 5  # of each kind; --json has all


def check(project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """List unreadable, duplicate, blank, very small and unusually sized items before anybody labels them."""
    from activessl.pool.checks.registry import all_checks
    from activessl.pool.forms.registry import form_named
    from activessl.pool.groups import groups_text
    from activessl.pool.remarks import remarks
    from activessl.project.folder import Project
    from activessl.steps.check import check_data

    opened = Project.open(project)
    checked = check_data(opened)
    quality = checked.quality
    lines = [f"{quality.items:,} items can be used"]
    shape_text = form_named(opened.config.data.modality).shape_text
    told = remarks(checked.pool)
    lines += [f"  {count:,} of {shape_text(shape)}" for shape, count in quality.shapes]
    for kind in all_checks():
        findings = quality.findings.get(kind.name, ())
        if findings:
            shown = [f"{one.id} ({one.why})" if one.why else one.id for one in findings[:SHOWN]]
            more = f", and {len(findings) - SHOWN:,} more" if len(findings) > SHOWN else ""
            items = "1 item is" if len(findings) == 1 else f"{len(findings):,} items are"
            lines.append(f"{items} {kind.says}: {', '.join(shown)}{more}")
    if found := groups_text(opened.config.data.group, checked.pool.ids):
        lines.append(found)
    lines += told
    if not checked.compared:
        lines.append("near duplicates were not searched: run encode, then run check again")
    render.result(quality.to_json() | {"remarks": told}, "\n".join(lines), as_json=as_json)
    render.following(next_of(opened) if checked.compared else "activessl encode")
