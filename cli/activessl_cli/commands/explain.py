"""``activessl explain``: why items were asked about, and why the model predicts what it predicts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from activessl_cli import render
from activessl_cli.next_step import next_of
from activessl_cli.options import HERE, JsonOption, ProjectOption

if TYPE_CHECKING:
    from collections.abc import Iterator

    from activessl.steps.explain import Explained, Speaker

ClassOption = Annotated[
    str | None, typer.Option("--class", help="The class to explain; by default the most likely one of each item.")
]
CheckOption = Annotated[bool, typer.Option("--check", help="Test the maps on items drawn at random; needs no ITEM.")]


def explain(
    items: Annotated[list[str] | None, typer.Argument(metavar="[ITEM]...", help="Ids of items.")] = None,
    name: ClassOption = None,
    check: CheckOption = False,
    html: Annotated[Path | None, typer.Option(help="Also write a page with the maps.")] = None,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Explain predictions: why an item was asked about, the labels for and against, and where the model looks."""
    from activessl.errors import ConfigError
    from activessl.explaining.places import PLACES
    from activessl.project.folder import Project
    from activessl.project.regions.verbs import only_classes
    from activessl.project.snapshot import Snapshot
    from activessl.steps.explain import Explainer

    opened = Project.open(project)
    only_classes(opened, "explain")
    wanted = list(dict.fromkeys(items or ()))
    if not wanted and not check:
        raise ConfigError("no item to explain", hint="name an item, or test the maps with --check")
    if html is not None and not wanted:
        raise ConfigError("--html needs an item", hint="name an item")
    with render.progress("explain") as on_progress:
        explainer = Explainer(Snapshot.of(opened), on_progress)
        found = [explainer.explain(item, name) for item in wanted]
        mapped = opened.config.data.modality in PLACES and explainer.pool is not None
        test = explainer.test() if mapped and (check or any(one.places for one in found)) else None
    if html is not None:
        from activessl.reports.explained import write_page

        write_page(explainer, found, test, html)
    lines = [line for one in found for line in (*_lines(one), "")]
    if explainer.snapshot.history.untaught:
        lines.append("labels have changed since the model was taught; the weights are of a model with all labels")
    if test is not None:
        lines.append(f"deletion test: {test.to_text()}")
        if not test.passed:
            lines.append("maps of this model are not better than chance, so they are not shown")
    elif check:
        lines.append(f"no deletion test: {opened.config.data.modality} items have no maps, or the data cannot be read")
    if html is not None:
        lines.append(f"page: {html}")
    told = None if test is None else test.to_dict()
    render.result({"items": [one.to_dict() for one in found], "deletion_test": told}, "\n".join(lines), as_json=as_json)
    render.following("activessl teach" if explainer.snapshot.history.untaught else next_of(opened))


def _lines(one: Explained) -> Iterator[str]:
    """What is known about one item."""
    from activessl.explaining.deletion import points
    from activessl.reports.heat import summary_of

    ranked = sorted(one.probabilities.items(), key=lambda pair: -pair[1])[:4]
    yield f"{one.item}: {', '.join(f'{name} {100 * value:.0f} %' for name, value in ranked)}"
    if one.label is not None:
        yield f"  label: {', '.join(one.label) or 'none of the classes'}"
    if one.question is not None:
        yield f"  asked in round {one.round}{f': {one.question.reason}' if one.question.reason else ''}"
    for side, speakers in (("for", one.speaks_for), ("against", one.speaks_against)):
        if speakers:
            yield f"  labels {side} {one.name}:"
            yield from _table(speakers)
    if one.own is not None:
        yield f"  the item's own label: {one.own:+.2f}"
    if one.score is not None and one.rest is not None:
        said = "" if one.said is None else f", {one.said:+.2f} from machines ({', '.join(one.machines)})"
        yield f"  score of {one.name}: {one.score:.2f}, of which {one.rest:+.2f} from labels that are not listed{said}"
    if one.map is not None and one.places is not None:
        shape = " × ".join(map(str, one.map.values.shape))
        yield f"  map of {shape} places, {summary_of(one.map.values, one.map.axes, one.places)}"
        if one.drops is not None:
            best, other = points(one.drops.best), points(one.drops.random)
            yield f"  hiding its best fifth lowers the probability by {best} points, a random fifth by {other}"
            if one.drops.small:
                yield "  the prediction does not depend on a single part of this item"
    elif one.why_no_map:
        yield f"  no map: {one.why_no_map}"


def _table(speakers: tuple[Speaker, ...]) -> Iterator[str]:
    rows = [(f"{one.weight:+.2f}", ", ".join(one.label) or "none", one.item) for one in speakers]
    yield from (f"    {line}" for line in render.table(("weight", "label", "item"), rows).splitlines())
