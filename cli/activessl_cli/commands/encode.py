"""``activessl encode``: train the encoder on the pool and embed every item."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from activessl_cli import render
from activessl_cli.next_step import needs_server, next_of
from activessl_cli.options import HERE, JsonOption, ProjectOption

if TYPE_CHECKING:
    from activessl.encoders.embeddings import Embeddings
    from activessl.encoders.parts.store import PartStore
    from activessl.session import Session


def encode(
    project: ProjectOption = HERE,
    minutes: Annotated[
        float | None, typer.Option(min=0.01, help="About how many minutes training may take on this machine.")
    ] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Only try encoders on a part of the pool, and print which is best.")
    ] = False,
    encoder: Annotated[
        list[str] | None, typer.Option(help="With --compare: an encoder to try; repeat the option for several.")
    ] = None,
    on: Annotated[
        str | None,
        typer.Option(
            help="Other processes that embed the items: ray (this machine), ray://HOST:PORT or ray:HOST:PORT."
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="With --on: the number of processes; by default one for each CPU core.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Train the encoder on the pool and embed every item."""
    from activessl.encoders.compute.processes import count, leads
    from activessl.errors import ConfigError
    from activessl.proof.added import drift_text, waiting_text
    from activessl.session import Session

    if compare and count() > 1:
        raise ConfigError(
            f"encode --compare runs in one process, not in {count()}", hint="run encode --compare without torchrun"
        )
    if workers is not None and on is None:
        raise ConfigError("--workers needs --on", hint="add --on ray, or leave --workers out")
    if compare and on is not None:
        raise ConfigError("encode --compare runs in this process", hint="run encode --compare without --on")
    if compare:
        _compare(project, minutes, tuple(encoder or ()), as_json)
        return
    if encoder:
        raise ConfigError("--encoder needs --compare", hint="set encoder.name in activessl.toml to choose an encoder")
    if not leads():  # only the first of several processes prints
        Session.open(project).encode(minutes=minutes)
        return
    session = Session.open(project)
    if session.draws:
        _parts(session, minutes, on, as_json)
        return
    before = len(session.project.history().comparisons)
    with render.progress("encode") as on_progress:
        found = session.encode(minutes=minutes, on=on, workers=workers, on_progress=on_progress)
        embeddings = cast("Embeddings", found)
    n, dim = embeddings.vectors.shape
    history = session.project.history()
    encoded, compared = history.encoded, history.comparisons[before:]
    lines = [drift_text(one) for one in compared] or [line for line in (waiting_text(history),) if line]
    name = "" if encoded is None else f"{encoded.encoder} "
    render.result(
        {
            "fingerprint": embeddings.fingerprint,
            "items": n,
            "dim": dim,
            "encoder": embeddings.provenance,
            "compared": compared[-1].model_dump(exclude={"format", "kind", "turn"}) if compared else None,
            "not_compared": len(history.uncompared),
        },
        "\n".join(
            [
                f"{n:,} items embedded as vectors of length {dim} by the encoder {name}{embeddings.fingerprint[:12]}",
                *_elsewhere(embeddings.provenance["embedding"], on),
                *lines,
            ]
        ),
        as_json=as_json,
    )
    step = next_of(session.project)
    if step == "activessl query" and needs_server(session.project):
        step += "; no Label Studio server runs yet: activessl studio start"
    render.following(step)


def _parts(session: Session, minutes: float | None, on: str | None, as_json: bool) -> None:
    """Encode the parts of a project of regions."""
    with render.progress("encode") as on_progress:
        parts = cast("PartStore", session.encode(minutes=minutes, on=on, on_progress=on_progress))
    encoded = session.project.history().encoded
    name = "" if encoded is None else f"{encoded.encoder} "
    render.result(
        {
            "fingerprint": parts.fingerprint,
            "items": len(parts),
            "parts": int(parts.offsets[-1, 0]),
            "bytes_per_item": round(parts.bytes_per_item),
            "encoder": parts.provenance,
        },
        f"{len(parts):,} items encoded as {int(parts.offsets[-1, 0]):,} parts, {parts.bytes_per_item / 1000:,.0f} kB an"
        f" item, by the encoder {name}{parts.fingerprint[:12]}",
        as_json=as_json,
    )
    step = next_of(session.project)
    if step == "activessl query" and needs_server(session.project):
        step += "; no Label Studio server runs yet: activessl studio start"
    render.following(step)


def _elsewhere(told: dict[str, Any], on: str | None) -> list[str]:
    """What other processes did, in one line; nothing if there was nothing to encode."""
    if on is None or "executor" not in told:
        return []
    again, earlier = told["begun again"], told["taken from an earlier run"]
    more = [f"{earlier:,} taken from an interrupted run"] if earlier else []
    more += [f"{again:,} begun again after a worker ended"] if again else []
    rest = f" ({', '.join(more)})" if more else ""
    return [f"{told['encoded']:,} of them were encoded in {told['blocks']:,} blocks by {told['executor']}{rest}"]


def _compare(project: Path, minutes: float | None, names: tuple[str, ...], as_json: bool) -> None:
    from activessl.session import Session

    with render.progress("encode") as on_progress:
        found = Session.open(project).compare_encoders(names, minutes=minutes, on_progress=on_progress)
    tried = [one for one in found if not one.why]
    labels = max((one.labels for one in tried if one.accuracy is not None), default=0)
    rows = [
        (
            one.encoder,
            str(one.dim),
            render.duration(one.seconds),
            f"{one.rank:.0f}",
            "–" if one.recognised is None else f"{100 * one.recognised:.1f} %",
            "–"
            if one.accuracy is None or one.low is None or one.high is None
            else f"{100 * one.accuracy:.1f} % ({100 * one.low:.1f} to {100 * one.high:.1f})",
        )
        for one in tried
    ]
    lines = [render.table(("encoder", "length", "time", "rank", "recognized", "accuracy"), rows)] if rows else []
    lines += [f"{one.encoder}: not tried, {one.why}" for one in found if one.why]
    lines += [
        "recognized: share of items nearest to their own changed copy; rank: dimensions that carry information.",
        f"accuracy: of a head taught the other labels, on {labels} random labels in turn, with its 90 % interval."
        if labels
        else "accuracy needs 10 random labels; `activessl query --strategy random` asks for some.",
    ]
    near = [one.encoder for one in tried if one.behind is not None and one.behind[0] <= 0]
    if near:
        lines.append(
            f"{tried[0].encoder} is not surely more accurate than {', '.join(near)}: the 90 % interval of the "
            "difference on these labels includes 0."
        )
    render.result([one.to_dict() for one in found], "\n".join(lines), as_json=as_json)
    if tried:
        render.following("set encoder.name in activessl.toml, then activessl encode")
