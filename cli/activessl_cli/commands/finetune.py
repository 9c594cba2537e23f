"""``activessl finetune``: train the encoder on the labels, and use the result if it is better."""

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
    minutes: Annotated[
        float | None, typer.Option(min=0.01, help="About how many minutes fine-tuning may take.")
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Use the frozen encoder again.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Train the encoder on the labels, and use the result if it is better on held-out labels."""
    from activessl.project.regions.verbs import only_classes
    from activessl.session import Session

    session = Session.open(project)
    only_classes(session.project, "finetune")
    if undo:
        with render.progress("finetune") as on_progress:
            base = session.undo_finetuning("withdrawn by hand", on_progress=on_progress)
        text = f"the frozen encoder {base[:12]} is used again" if base else "the encoder in use was not fine-tuned"
        render.result({"fingerprint": base}, text, as_json=as_json)
    else:
        with render.progress("finetune") as on_progress:
            tuned = session.finetune(minutes=minutes, on_progress=on_progress)
        render.result(tuned, tell(tuned), as_json=as_json)
    render.following(next_of(session.project))


def tell(tuned: Tuned) -> str:
    """Describe the outcome of fine-tuning in two lines."""
    done = {
        "replaced": f"fine-tuned on {len(tuned.taught):,} labels, {tuned.steps:,} steps; "
        f"encoder {(tuned.fingerprint or '')[:12]} replaces the frozen encoder",
        "kept": "the encoder was not changed",
        "taken back": f"the frozen encoder {tuned.base[:12]} is used again",
    }[tuned.outcome]
    return f"{tuned.why}\n{done}, after {render.duration(tuned.seconds)}"


def after_round(session: Session) -> None:
    """Fine-tune between two rounds if the config asks for it and there are enough new labels; print the outcome."""
    from activessl.errors import EncoderError, LabelError

    if not session.finetune_due():
        return
    try:
        with render.progress("finetune") as on_progress:
            render.story(tell(session.finetune(on_progress=on_progress)))
    except (EncoderError, LabelError) as error:  # the rounds continue with the current encoder
        render.story(f"not fine-tuned: {error.message}")
