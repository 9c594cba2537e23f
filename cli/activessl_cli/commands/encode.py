"""``activessl encode``: train the encoder on the pool and embed every item."""

from __future__ import annotations

from typing import Annotated

import typer

from activessl_cli import render
from activessl_cli.options import HERE, JsonOption, ProjectOption


def encode(
    project: ProjectOption = HERE,
    minutes: Annotated[float | None, typer.Option(min=0.01, help="Training time on this machine.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Train the encoder on the pool and embed every item."""
    from activessl.session import Session

    with render.progress("encode") as on_progress:
        embeddings = Session.open(project).encode(minutes=minutes, on_progress=on_progress)
    n, dim = embeddings.vectors.shape
    name = embeddings.provenance.get("encoder", "encoder")
    render.result(
        {"fingerprint": embeddings.fingerprint, "items": n, "dim": dim, "encoder": embeddings.provenance},
        f"{n:,} items as vectors of length {dim}, by {name} {embeddings.fingerprint[:12]}",
        as_json=as_json,
    )
    render.following("activessl query")
