"""``activessl query``: choose the next items to label."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from activessl_cli import render
from activessl_cli.next_step import next_of
from activessl_cli.options import HERE, JsonOption, ProjectOption

if TYPE_CHECKING:
    from activessl.labels.questions import Question
    from activessl.ledger.history import RoundHistory
    from activessl.session import Session

AgainOption = Annotated[
    str | None,
    typer.Option(
        help="Share of the questions that ask again about suspect labels, from 0 to 1, or auto.", metavar="SHARE"
    ),
]


def query(
    project: ProjectOption = HERE,
    query_size: Annotated[
        int | None, typer.Option("--size", "-n", min=1, help="Number of items; of clusters with --confirm.")
    ] = None,
    strategy: Annotated[str | None, typer.Option(help="The strategy for this round.")] = None,
    again: AgainOption = None,
    confirm: Annotated[
        bool | None,
        typer.Option(
            "--confirm/--no-confirm",
            help="Ask about clusters of alike items that the model predicts with high confidence.",
        ),
    ] = None,
    balance: Annotated[
        str | None,
        typer.Option(
            help="Spread the chosen items over the slices of this column of the metadata; random draws stay uniform.",
            metavar="COLUMN",
        ),
    ] = None,
    items: Annotated[
        str | None,
        typer.Option(
            "--items",
            help="Ask about exactly the items of this file, one id on each line; - reads standard input.",
            metavar="LIST",
        ),
    ] = None,
    close: Annotated[
        bool, typer.Option("--close", help="End the open round first, even if items are unanswered.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Choose the next items to label, and print the reasons. While a round is open, print that round."""
    from activessl.errors import ConfigError
    from activessl.project.regions.verbs import only_classes
    from activessl.session import Session
    from activessl.strategies.parts.registry import get_part_strategy
    from activessl.strategies.registry import get_strategy

    if confirm and (strategy is not None or again is not None or balance is not None):
        raise ConfigError(
            "--confirm excludes --strategy, --again and --balance",
            hint="leave out --confirm, or the other options",
        )
    if items is not None and any(value is not None for value in (query_size, strategy, again, confirm, balance)):
        raise ConfigError(
            "--items excludes --size, --strategy, --again, --confirm and --balance", hint="leave out the other options"
        )
    session, share = Session.open(project), _share(again)
    if session.draws:
        for value, option in ((share, "again"), (confirm, "confirm"), (balance, "balance")):
            if value:
                only_classes(session.project, f"query --{option}")
    wanted = None if items is None else _listed(session, items)
    if strategy is not None:
        (get_part_strategy if session.draws else get_strategy)(
            strategy
        )  # check the name before --close ends the open round
    if balance is not None:
        _known_column(session, balance)
    if close:
        session.close("closed by hand")
    before = session.project.history().open_round
    opened = session.query(query_size, strategy=strategy, again=share, confirm=confirm, balance=balance, items=wanted)
    asked_otherwise = any(value is not None for value in (query_size, strategy, again, confirm, balance, items))
    if before is not None and before.number == opened.number and asked_otherwise:
        render.story(
            f"round {opened.number} is still open: the options were not used.\n"
            f"run `activessl query --close` with the same options to end round {opened.number} and open the next round"
        )
    shown = opened.queried.model_dump(exclude={"format", "kind", "round"})
    if opened.confirms:
        table = _clusters(opened)
    else:
        rows = [(str(i), q.item, _how(q), q.reason) for i, q in enumerate(opened.questions, start=1)]
        table = f"round {opened.number}: {len(rows)} items by {opened.queried.strategy}\n"
        table += render.table(("", "item", "how", "why"), rows)
    render.result({"round": opened.number, **shown}, table, as_json=as_json)
    render.following(next_of(session.project))


def _known_column(session: Session, column: str) -> None:
    """Check the column before --close ends the open round."""
    from activessl.project.snapshot import Snapshot

    Snapshot.of(session.project).metadata.chosen([column])


def _clusters(opened: RoundHistory) -> str:
    rows = [(q.id, q.proposed, str(len(q.items)), f"{q.score:.3f}", q.item) for q in opened.questions]
    many = f"{len(rows)} cluster{'s' * (len(rows) != 1)}"
    return f"round {opened.number}: {len(opened.items)} items in {many} to confirm\n" + render.table(
        ("cluster", "class", "items", "lowest confidence", "example"), rows
    )


def _how(question: Question) -> str:
    if question.confirmed:
        return "cluster check"
    if question.sent_back:
        return "from cluster"
    return {"new": "chosen"}.get(question.kind, question.kind)


def _listed(session: Session, name: str) -> list[str]:
    """Read the list, and check it before ``--close`` ends the open round; print what is not asked about."""
    from activessl.errors import ConfigError
    from activessl.project.regions.snapshot import RegionSnapshot
    from activessl.project.snapshot import Snapshot
    from activessl.steps.listed import ids_of, sort_out

    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(f"{name} is no UTF-8 text", hint="write the list as UTF-8, one id on each line") from None
    except OSError as error:
        raise ConfigError(
            f"cannot read {name}: {error.strerror or error}",
            hint="name a file with one id on each line, or - for standard input",
        ) from None
    snapshot = RegionSnapshot.of(session.project) if session.draws else Snapshot.of(session.project)
    found = sort_out(snapshot, ids_of(text, frozenset(snapshot.row)))
    if found.aside:
        render.story(found.to_text())
    return list(found.asked)


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
        raise ConfigError(f"--again {text} is not a share", hint="give a number from 0 to 1, or auto")
    return share
