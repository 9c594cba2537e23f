"""``activessl query``: choose the next items to label."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from activessl_cli import render
from activessl_cli.options import HERE, JsonOption, ProjectOption

if TYPE_CHECKING:
    from activessl.ledger.fold import RoundHistory
    from activessl.ledger.schema import Asked

AgainOption = Annotated[
    str | None, typer.Option(help="Share that asks again about doubted labels, in [0, 1], or auto.", metavar="SHARE")
]


def query(
    project: ProjectOption = HERE,
    query_size: Annotated[int | None, typer.Option("--size", "-n", min=1, help="How many items.")] = None,
    strategy: Annotated[str | None, typer.Option(help="How they are chosen, this time.")] = None,
    again: AgainOption = None,
    confirm: Annotated[
        bool | None,
        typer.Option(
            "--confirm/--no-confirm",
            help="Groups of alike items that the model is sure of, each confirmed at a glance; -n counts groups.",
        ),
    ] = None,
    close: Annotated[bool, typer.Option("--close", help="End the open round first, whatever is unanswered.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Choose the next items to label, and say why. While a round is open, show that one."""
    from activessl.errors import ConfigError
    from activessl.labels.answers import item_of
    from activessl.session import Session
    from activessl.strategies.registry import get_strategy

    if confirm and (strategy is not None or again is not None):
        raise ConfigError(
            "groups to confirm are neither chosen by a strategy nor about doubted labels",
            hint="leave out --confirm, or --strategy and --again",
        )
    session, share = Session.open(project), _share(again)
    if strategy is not None:
        get_strategy(strategy)  # a misspelt one should not cost the open round
    if close:
        with session.project.lock():
            session.close("closed by hand")
    opened = session.query(query_size, strategy=strategy, again=share, confirm=confirm)
    if opened.queried.groups:
        _tell_groups(opened, as_json)
        return
    rows = [(str(i + 1), item_of(item.id), _how(item), item.reason) for i, item in enumerate(opened.queried.items)]
    render.result(
        {"round": opened.number, **opened.queried.model_dump(exclude={"kind", "round"})},
        f"round {opened.number}: {len(rows)} items by {opened.queried.strategy}\n"
        + render.table(("", "item", "how", "why"), rows),
        as_json=as_json,
    )
    render.following("activessl push")


def _tell_groups(opened: RoundHistory, as_json: bool) -> None:
    probability = {item.id: item.score for item in opened.queried.items}
    rows = [
        (
            group.id,
            group.label,
            str(len(group.items)),
            f"{min(probability[i] for i in group.items):.3f}",
            group.items[0],
        )
        for group in opened.queried.groups
    ]
    many = f"{len(rows)} group{'s' * (len(rows) != 1)}"
    render.result(
        {"round": opened.number, **opened.queried.model_dump(exclude={"kind", "round"})},
        f"round {opened.number}: {len(opened.asked)} items in {many}, to be confirmed at a glance\n"
        + render.table(("group", "all of it", "items", "least sure", "such as"), rows),
        as_json=as_json,
    )
    render.following("activessl push")


def _how(item: Asked) -> str:
    from activessl.labels.answers import is_again
    from activessl.steps.confirm import SENT_BACK

    if item.glanced:
        return "alone"
    if is_again(item.id):
        return "again"
    if item.reason == SENT_BACK:
        return "sent back"
    return "random" if item.propensity is not None else "chosen"


def _share(text: str | None) -> float | Literal["auto"] | None:
    from activessl.errors import ConfigError

    if text is None:
        return None
    if text == "auto":
        return "auto"
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise ConfigError(f"--again {text}", hint="give a share between 0 and 1, or auto")
    return share
