"""The encoder ``auto``: the recommended encoder for the form of data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from activessl.encoders.base import Encoder
from activessl.encoders.compute.processes import decided
from activessl.encoders.registry import EncoderEntry, fit_encoder, load_encoder
from activessl.encoders.wheels.catalogue import EXTRA, Wheel, wheel_named, wheels_for
from activessl.errors import EncoderError
from activessl.pool.forms.registry import form_names, forms
from activessl.pool.pool import Pool
from activessl.pool.progress import OnProgress, say

#: What the pretrained encoder of the wheels gains over the built-in one, by form of data: measured with the default
#: head, in percent right (docs/results/encoders.md). Forms that are missing here stay with the built-in encoder, also
#: where the wheel is installed.
GAINS = {
    "image": "with 10 labels a class CIFAR-10 71 instead of 38 % right, steel defects 98 instead of 89 %",
    "text": "with 10 labels a class news 84 instead of 78 % right, bank questions 80 instead of 72 %",
}


#: Grey pictures of at most so many pixels in height and width stay with the built-in encoder: on both such sets that
#: were measured it was better, by 1 to 8 points.
SMALL = 32
#: Largest pool in which the slower encoder is tried besides the one that is taken.
MOST_TWICE = 50_000


def choose(pool: Pool, minutes: float, *, model: str | None = None) -> tuple[str, str]:  # noqa: ARG001
    """Choose the encoder for a pool and a budget: its name, and the reason.

    Where the wheels of ``activessl[pretrained]`` are installed, images and texts are encoded by them. Label-free
    figures of the pool do not decide this: they do not compare encoders of different kinds (decision 27).

    Args:
        pool: What to encode.
        minutes: How long training may take.
        model: A pretrained model, if one is named.

    Raises:
        EncoderError: No encoder reads pretrained models for this form of data.
    """
    form = pool.form
    if model is None:
        return _pretrained(pool) or form.encoder
    if wheel_named(model) is not None:
        return "pretrained", "encoder.model names a model that comes in a wheel"
    if form.pretrained is None:
        able = sorted(known.name for known in forms() if known.pretrained)
        raise EncoderError(
            f"encoder.model = {model!r} needs {' or '.join(able)} data, but the pool holds {form.name} data",
            hint="remove encoder.model",
        )
    return form.pretrained, "encoder.model names a pretrained model"


def _default(pool: Pool) -> Wheel | None:
    """The wheel that ``auto`` takes for a form of data if it is installed."""
    return wheels_for(pool.modality)[0] if pool.modality in GAINS else None


def _pretrained(pool: Pool) -> tuple[str, str] | None:
    """The encoder of the wheels with the reason, if it is installed and fits the pool."""
    wheel = _default(pool)
    if wheel is None or not wheel.installed():
        return None
    name, why = pool.form.encoder
    if pool.modality == "image" and _small_and_grey(pool):
        return name, f"{why}; {wheel.model} was less accurate on grey pictures of at most {SMALL} pixels"
    if (share := _strange_share(wheel, pool)) is not None:
        return name, f"{100 * share:.0f} % of the pieces of these texts are unknown to {wheel.model}"
    return "pretrained", f"{wheel.model} is installed, and was more accurate on most sets that were measured"


def _strange_share(wheel: Wheel, pool: Pool) -> float | None:
    """The share of the pieces of texts that the wheel does not know; None if it is small, and for other forms."""
    if pool.modality != "text":
        return None
    from activessl.encoders.wheels.text import STRANGE, unknown_share

    share = unknown_share(wheel, pool)
    return share if share > STRANGE else None


def _small_and_grey(pool: Pool) -> bool:
    return all(channels == 1 and max(size) <= SMALL for *size, channels in {item.shape for item in pool.items})


def hint(pool: Pool) -> str | None:
    """One sentence on what the extra would gain; None where it is installed, or would not be used."""
    wheel = _default(pool)
    if wheel is None or wheel.installed() or (pool.modality == "image" and _small_and_grey(pool)):
        return None
    return f"pretrained vectors need `{EXTRA}` ({GAINS[pool.modality]})"


def alternatives(pool: Pool) -> tuple[str, ...]:
    """Return the names of the encoders whose vectors are kept, so that the labels can choose between them.

    Where a wheel is installed, these are the encoder of the wheels and the built-in one: neither is better on all data.
    In pools above 50,000 items the encoder of the wheels, which takes minutes for 10,000 pictures, is no alternative.
    """
    wheels = [wheel for wheel in wheels_for(pool.modality) if wheel.installed()]
    if not wheels or _strange_share(wheels[0], pool) is not None:
        return ()
    built_in, _ = pool.form.encoder
    return (built_in,) if len(pool) > MOST_TWICE else (built_in, "pretrained")


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
    model = settings.get("model")
    name, why = decided(lambda: choose(pool, minutes, model=model))
    say(on_progress, "plan", f"auto uses {name}: {why}")
    if model is None and (more := hint(pool)) is not None:
        say(on_progress, "plan", more)
    return fit_encoder(name, pool, folder=folder, seed=seed, minutes=minutes, on_progress=on_progress, **settings)


ENTRY = EncoderEntry(
    fit=fit, load=load_encoder, modalities=form_names(), summary="the recommended encoder for the data", shared=True
)
