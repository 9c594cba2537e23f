"""``activessl check``: what the data is worth, before anybody labels it."""

from __future__ import annotations

from activessl_cli import render
from activessl_cli.options import HERE, JsonOption, ProjectOption

SHOWN = 5  # of each kind; --json has all


def check(project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """Look at the data before anybody labels it: unreadable, duplicate, blank and odd items."""
    from activessl.project.folder import Project
    from activessl.steps.check import check_data

    checked = check_data(Project.open(project))
    quality = checked.quality
    lines = [f"{quality.items:,} items can be used"]
    lines += [f"  {count:,} of {' × '.join(map(str, shape))}" for shape, count in quality.shapes]
    for what, ids in (
        ("unreadable", [f"{bad.id} ({bad.why})" for bad in quality.unreadable]),
        ("exactly like another", [item for group in quality.duplicates for item in group[1:]]),
        ("all but the same as another", [item for group in quality.near_duplicates for item in group[1:]]),
        ("blank", list(quality.blank)),
        ("tiny", list(quality.tiny)),
        ("of an odd size", list(quality.odd)),
    ):
        if ids:
            more = f", and {len(ids) - SHOWN:,} more" if len(ids) > SHOWN else ""
            are = "is" if len(ids) == 1 else "are"
            lines.append(f"{len(ids):,} {are} {what}: {', '.join(ids[:SHOWN])}{more}")
    if not checked.compared:
        lines.append("near duplicates are looked for once the pool is encoded")
    render.result(quality.to_json(), "\n".join(lines), as_json=as_json)
    render.following("activessl query" if checked.encoded else "activessl encode")
