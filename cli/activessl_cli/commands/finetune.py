"""``activessl finetune``: let the encoder learn from the labels, if that pays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from activessl_cli import render
from activessl_cli.next_step import next_of
from activessl_cli.options import HERE, JsonOption, ProjectOption

if TYPE_CHECKING:
    from activessl.ledger.schema import Tuned
    from activessl.session import Session


def finetune(
    project: ProjectOption = HERE,
    minutes: Annotated[float | None, typer.Option(min=0.01, help="About how long it may take.")] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Use the frozen encoder again.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Let the encoder learn from the labels, and use it if it is better on labels held back."""
    from activessl.session import Session

    session = Session.open(project)
    if undo:
        with render.progress("finetune") as on_progress:
            base = session.undo_finetuning("taken back by hand", on_progress=on_progress)
        text = f"the frozen encoder {base[:12]} is used again" if base else "the encoder in use was not fine-tuned"
        render.result({"fingerprint": base}, text, as_json=as_json)
    else:
        with render.progress("finetune") as on_progress:
            tuned = session.finetune(minutes=minutes, on_progress=on_progress)
        render.result(tuned, tell(tuned), as_json=as_json)
    render.following(next_of(session.project))


def tell(tuned: Tuned) -> str:
    """What came of it, in two lines."""
    done = {
        "replaced": f"fine-tuned on {len(tuned.taught):,} labels, {tuned.steps:,} steps; "
        f"encoder {(tuned.fingerprint or '')[:12]} replaces the frozen one",
        "kept": "the encoder stays as it is",
        "taken back": f"the frozen encoder {tuned.base[:12]} is used again",
    }[tuned.outcome]
    return f"{tuned.why}\n{done}, after {render.duration(tuned.seconds)}"


def after_round(session: Session) -> None:
    """Fine-tune between two rounds where the config says so and there are enough new labels; tell what came of it."""
    from activessl.errors import EncoderError, LabelError

    if not session.finetune_due():
        return
    try:
        with render.progress("finetune") as on_progress:
            render.story(tell(session.finetune(on_progress=on_progress)))
    except (EncoderError, LabelError) as error:  # the rounds go on with the encoder as it is
        render.story(f"not fine-tuned: {error.message}")
