"""The encoder ``auto``: the recommended encoder for the form of data."""

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
    """Choose the encoder for a pool and a budget: its name, and the reason.

    Args:
        pool: What to encode.
        minutes: How long training may take.
        model: A pretrained model, if one is named.

    Raises:
        EncoderError: No encoder reads pretrained models for this form of data.
    """
    form = pool.form
    if model is None:
        return form.encoder
    if form.pretrained is None:
        able = sorted(known.name for known in forms() if known.pretrained)
        raise EncoderError(
            f"encoder.model = {model!r} needs {' or '.join(able)} data, but the pool holds {form.name} data",
            hint="remove encoder.model",
        )
    return form.pretrained, "encoder.model names a pretrained model"


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
    say(on_progress, "plan", f"auto uses {name}: {why}")
    return fit_encoder(name, pool, folder=folder, seed=seed, minutes=minutes, on_progress=on_progress, **settings)


ENTRY = EncoderEntry(
    fit=fit, load=load_encoder, modalities=form_names(), summary="the recommended encoder for the data", shared=True
)
