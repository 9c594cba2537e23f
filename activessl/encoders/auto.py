"""The encoder for people who have no opinion."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from activessl.encoders.base import Encoder
from activessl.encoders.registry import EncoderEntry, fit_encoder, load_encoder
from activessl.errors import EncoderError
from activessl.pool.forms.registry import form_names, forms
from activessl.pool.pool import Pool
from activessl.pool.progress import OnProgress, say


def choose(pool: Pool, minutes: float, *, model: str | None = None) -> tuple[str, str]:  # noqa: ARG001
    """The name of the encoder for a pool and a budget, and why.

    Args:
        pool: What to encode.
        minutes: How long training may take.
        model: A pretrained model, if one is named.

    Raises:
        EncoderError: No encoder reads pretrained models for this kind of data.
    """
    form = pool.form
    if model is None:
        return form.encoder
    if form.pretrained is None:
        able = sorted(known.name for known in forms() if known.pretrained)
        raise EncoderError(
            f"pretrained models are read for {' and '.join(able)}, not for {form.name}",
            hint="leave encoder.model out",
        )
    return form.pretrained, "a pretrained model is named"


def fit(
    pool: Pool,
    *,
    folder: Path,
    seed: int = 0,
    minutes: float = 1.0,
    on_progress: OnProgress | None = None,
    **settings: Any,
) -> Encoder:
    """Fit the encoder that ``choose`` names."""
    name, why = choose(pool, minutes, model=settings.get("model"))
    say(on_progress, "plan", f"auto takes {name}: {why}")
    return fit_encoder(name, pool, folder=folder, seed=seed, minutes=minutes, on_progress=on_progress, **settings)


ENTRY = EncoderEntry(
    fit=fit, load=load_encoder, modalities=form_names(), summary="the best known for the data", shared=True
)
