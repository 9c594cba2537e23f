"""``activessl watch``: compare the items of a model in use with those that it was made from."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from activessl_cli import render
from activessl_cli.options import JsonOption

if TYPE_CHECKING:
    from activessl.scoring.watching import Watched

#: Exit code of ``--fail-on-drift``: 1 is an error, 2 is usage.
DRIFT = 3


def watch(
    model: Annotated[Path, typer.Argument(help="A folder that `activessl export model` wrote.")],
    data: Annotated[str, typer.Argument(help="The items that the model gets: as for `activessl predict`.")],
    state: Annotated[
        Path | None,
        typer.Option(help="A file that remembers the looks, so that all of them together keep to 5 % false alarms."),
    ] = None,
    metrics: Annotated[
        Path | None, typer.Option(help="A .prom file for the textfile collector of Prometheus' node_exporter.")
    ] = None,
    fail_on_drift: Annotated[bool, typer.Option("--fail-on-drift", help="Exit with 3 if there is drift.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Compare the items that a model gets with those that it was made from, and say when labels are due."""
    import time

    from activessl.pool.addresses import place
    from activessl.pool.sources import load_pool
    from activessl.scoring.digest import model_digest
    from activessl.scoring.model import Model
    from activessl.scoring.prometheus import check_metrics, write_metrics
    from activessl.scoring.watch_state import WatchState
    from activessl.scoring.watching import watch as look

    if metrics is not None:
        check_metrics(metrics)
    found, digest = Model.load(model), model_digest(model)
    before = WatchState() if state is None else WatchState.load(state).of(digest)
    items = load_pool(place("data", data), found.modality, axes=found.axes if found.axes.count else None, cut=found.cut)
    with render.progress("watch") as on_progress:
        watched, after = look(found, digest, items, before, on_progress)
    # the state last: if the metrics cannot be written, the same look is made again
    if metrics is not None:
        write_metrics(watched, metrics, time.time())
    if state is not None:
        after.save(state)
    if items.unreadable:
        first = items.unreadable[0]
        count = len(items.unreadable)
        render.story(f"{count:,} item{'s' * (count > 1)} could not be read; {first.id}: {first.why}")
    for name in watched.strange_folders[:3]:
        render.story(f"the folder {name} is named like no class of the model ({', '.join(found.classes[:10])})")
    render.result(watched.to_dict(), "\n".join(_lines(watched)), as_json=as_json)
    if watched.drift:
        where = place("data", data).absolute()
        copied = f"activessl update {shlex.quote(str(where))}"
        then = copied if isinstance(where, Path) else f"have {where} in its data, then run `activessl encode`"
        render.following(f"in the project of this model: {then}; labels are due")
    elif state is None:
        render.following(
            f"add --state {shlex.quote(f'{model.name}.watch.json')} to the next watch: it counts the looks"
        )
    if watched.drift and fail_on_drift:
        raise typer.Exit(DRIFT)


def _lines(watched: Watched) -> list[str]:
    told = watched.comparison
    if told is None:
        lines = [f"not compared: {watched.why}"]
    else:
        verdict = "drift" if told.drift else "no drift found"
        again = ", the same items as before" if watched.repeated else ""
        lines = [
            f"{verdict}: {told.new:,} items compared with {told.old:,} of the model's pool; p = {told.p:.2g}, "
            f"an alarm is p <= {told.level:.2g} (look {watched.look}{again})"
        ]
    if watched.since is not None and watched.look != watched.since:
        lines.append(f"drift was found in look {watched.since}; labels are due")
    for region in watched.regions[:3]:
        lines.append(f"{len(region):,} items in a new region, such as {', '.join(region[:3])}")
    lines.append(
        f"{100 * watched.far:.1f} % of the items are far from all reference items (usual: 1 %); mean confidence "
        f"{100 * watched.confidence:.1f} %"
    )
    return lines
