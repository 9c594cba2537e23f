"""A model as one ONNX file, whose predictions are compared with those of the model before it is kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from jaxtyping import Float

from activessl.encoders.base import Encoder
from activessl.encoders.compute.graph import Graph
from activessl.encoders.images.patches import PatchEncoder
from activessl.encoders.images.pixels import PixelEncoder
from activessl.encoders.pretrain import TrainedEncoder
from activessl.encoders.series.rocket import RocketEncoder, read_series
from activessl.encoders.wheels.image import LiteEncoder
from activessl.errors import ConfigError, EncoderError, HeadError
from activessl.pool.pool import Pool
from activessl.pool.progress import OnProgress, tell
from activessl.scoring.encoder_graphs import write_encoder
from activessl.scoring.head_graphs import write_head, write_place
from activessl.scoring.model import BATCH, WITHOUT, Model, Scores
from activessl.scoring.model_folder import FILE, add_network

#: Highest difference of a probability and of a novelty between ONNX Runtime and the model. The first is far below what
#: changes a decision, and above the effect of another order of sums. A novelty can jump at items of equal distance, so
#: its limit is larger.
CLOSE, CLOSE_NOVELTY = 1e-3, 0.02
#: Protocol buffers hold at most 2 GB.
MOST_BYTES = 1_900_000_000


@dataclass(frozen=True)
class Checked:
    """The comparison of the ONNX file with the model.

    Attributes:
        items: Number of items compared.
        difference: The largest difference of a probability.
        novelty_difference: The largest difference of a novelty.
        left_out: Number of items of the sample that the file cannot read: series with missing values or too short ones.
    """

    items: int
    difference: float
    novelty_difference: float
    left_out: int = 0


def write_onnx(model: Model, folder: Path, sample: Pool) -> Checked:
    """Write ``model.onnx`` into the folder of a model, and compare its predictions with the model's on real items.

    Its outputs are ``probabilities`` (batch, k), ``novelty`` (batch,) and ``encoded`` (batch, d), the vectors.

    Args:
        model: What to write.
        folder: The folder that ``Model.save`` wrote.
        sample: Items to compare on; a few hundred are enough.

    Raises:
        ConfigError: The packages onnx or onnxruntime are not installed.
        EncoderError: The encoder cannot be written as ONNX.
        HeadError: The head cannot be written as ONNX, or the predictions differ; no file is left.
    """
    base, memories, *_ = model.pool.parts
    if sum(a.nbytes for a in (base, *memories.values())) > MOST_BYTES:
        raise HeadError(
            f"a pool of {len(base):,} vectors of length {base.shape[1]} does not fit into one ONNX file of 2 GB",
            hint=WITHOUT,
        )
    graph = Graph()
    entrance = write_encoder(graph, model.encoder)
    points, novelty = write_place(graph, model, entrance.vectors)
    probs = write_head(graph, model.head, points, model.head_name)
    content = graph.finish(
        [(entrance.name, entrance.kind, entrance.shape)],
        {
            "probabilities": (probs, ["batch", len(model.classes)]),
            "novelty": (novelty, ["batch"]),
            "encoded": (entrance.vectors, ["batch", model.encoder.dim]),
        },
    )

    def told(checked: Checked) -> dict[str, Any]:
        kind = "uint8" if entrance.kind == 2 else "float32"
        return {
            "input": {"name": entrance.name, "type": kind, "shape": entrance.shape},
            "how": _how(model.encoder),
            "compared on": checked.items,
            "largest difference": float(f"{checked.difference:.2g}"),
        }

    return add_network(folder, content, lambda path: check_answers(model, path, sample), told)


def check_answers(model: Model, path: Path, sample: Pool) -> Checked:
    """Compare the predictions of the ONNX file with those of the model.

    Raises:
        HeadError: The predictions differ by more than rounding.
    """
    sample, left_out = readable(model.encoder, sample)
    ours, theirs = model.score(sample), OnnxScorer(model, path).score(sample)
    apart = float(np.abs(ours.probs - theirs.probs).max())
    strange = float(np.abs(ours.novelty - theirs.novelty).max())
    if not (apart <= CLOSE and strange <= CLOSE_NOVELTY):
        raise HeadError(
            f"the predictions of the ONNX file differ: by {apart:.2g} in a probability, by {strange:.2g} in a novelty",
            hint="leave --onnx out, and report the difference with the name of the encoder",
        )
    return Checked(len(sample), apart, strange, left_out)


def opened(path: Path) -> Any:
    """Open the ONNX file of a model's folder in ONNX Runtime.

    Raises:
        ConfigError: The package onnxruntime is not installed.
        HeadError: The file does not exist or cannot be read.
    """
    try:
        import onnxruntime
    except ImportError:
        raise ConfigError(
            "scoring with ONNX needs the package onnxruntime, which is not installed",
            hint="run `pip install 'activessl[onnx]'`",
        ) from None
    if not path.is_file():
        raise HeadError(
            f"the model in {path.parent} has no ONNX file",
            hint="leave --onnx out, or run `activessl export model --onnx`",
        )
    try:
        return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001  # its exceptions come from C++, without a common base class
        raise HeadError(
            f"{path} cannot be opened: {str(error).splitlines()[0]}", hint="run `activessl export model` again"
        ) from None


class OnnxScorer:
    """Scores items with ONNX Runtime.

    Args:
        model: The model; its encoder prepares the items.
        path: The ONNX file.

    Raises:
        ConfigError: The package onnxruntime is not installed.
        HeadError: The file does not exist or cannot be read.
    """

    def __init__(self, model: Model, path: Path) -> None:
        self.model = model
        self.session: Any = opened(path)
        self.entrance = self.session.get_inputs()[0].name

    def score(self, items: Pool, *, on_progress: OnProgress | None = None) -> Scores:
        """Score items in mini-batches.

        Raises:
            EncoderError: Items that the encoder or the file cannot read.
            PoolError: Series with other channels.
        """
        if items.modality != self.model.modality:
            raise EncoderError(
                f"a model of {self.model.modality} cannot score {items.modality}",
                hint=f"give it {self.model.modality} items",
            )
        items = items.ordered(self.model.axes)
        probs, novelty, done = [], [], 0
        for batch in tensors(self.model.encoder, items):
            found = self.session.run(["probabilities", "novelty"], {self.entrance: batch})
            probs.append(found[0])
            novelty.append(found[1])
            done += len(batch)
            tell(on_progress, "score", done, len(items))
        return Scores(items.ids, np.concatenate(probs), np.concatenate(novelty), self.model.kind)


def tensors(encoder: Encoder, items: Pool) -> Iterator[np.ndarray[Any, Any]]:
    """Make the input tensors of the ONNX file in mini-batches, in the order of the items.

    Raises:
        EncoderError: Series with missing values, or too short for the encoder's convolutions.
    """
    match encoder:
        case PixelEncoder() | PatchEncoder() | TrainedEncoder() | LiteEncoder():
            for pictures in encoder.image.batches(items, BATCH):
                yield pictures.numpy()
        case RocketEncoder():
            yield from _series(encoder, items)
        case _:
            yield from encoder.batches(items, BATCH)


def readable(encoder: Encoder, items: Pool) -> tuple[Pool, int]:
    """Select the items that the file can read, or all items if it can read none, and count the others."""
    if not isinstance(encoder, RocketEncoder):
        return items, 0
    every = (read_series(items, [row], axes=encoder.axes)[0] for row in range(len(items)))
    whole = [item for item, series in zip(items.ids, every, strict=True) if _fits(encoder, series)]
    return (items.subset(whole) if whole else items), len(items) - len(whole)


def _shortest(encoder: RocketEncoder) -> int:
    return 8 * max(encoder.rocket.dilations) + 1


def _fits(encoder: RocketEncoder, series: np.ndarray[Any, Any]) -> bool:
    return series.shape[1] >= _shortest(encoder) and not np.isnan(series).any()


def _series(encoder: RocketEncoder, items: Pool) -> Iterator[Float[np.ndarray, "b c t"]]:
    batch: list[np.ndarray[Any, Any]] = []
    for row in range(len(items)):
        series = read_series(items, [row], axes=encoder.axes)[0]
        if not _fits(encoder, series):
            raise EncoderError(
                f"series {items.ids[row]} has missing values, or is shorter than the {_shortest(encoder)} values that "
                "the ONNX file needs",
                hint="score it without --onnx",
            )
        # all series of a batch have one length
        if batch and (batch[0].shape != series.shape or len(batch) == BATCH):
            yield np.stack(batch)
            batch = []
        batch.append(series)
    if batch:
        yield np.stack(batch)


def _how(encoder: Encoder) -> str:
    match encoder:
        case PixelEncoder() | TrainedEncoder() | LiteEncoder():
            image: Any = encoder.image
        case PatchEncoder():
            image = encoder.image
        case RocketEncoder():
            named = f" in the order {', '.join(encoder.axes.channels)}" if encoder.axes.channels else ""
            return f"series (channels{named}, time) unchanged, one length per batch, without missing values"
        case _:
            return "vectors unchanged"
    settings = cast("dict[str, Any]", image.to_json())
    if "channels" not in settings:
        return f"spectrograms as activessl's MelInput makes them with {json.dumps(settings, sort_keys=True)}"
    colours = "grey" if settings["channels"] == 1 else "RGB"
    levels = ", ".join(f"{level:g}" for level in (*settings.get("lower16", ()), settings["scale16"]))
    return (
        f"8-bit {colours} images, squeezed to {image.side} x {image.side} by Pillow's bilinear filter, channels first; "
        f"16-bit images first scaled so that their white level becomes 255: the smallest of {levels} that is not below "
        "the 99.9 % quantile of the image, or else that quantile"
    )


@dataclass(frozen=True)
class Exported:
    """The files that ``export_model`` wrote.

    Attributes:
        folder: The folder of the model.
        onnx: The ONNX file in the folder; None where there is none.
        checked: The comparison of the ONNX file with the model.
        why_not: Why there is no ONNX file, where one was tried.
    """

    folder: Path
    onnx: Path | None = None
    checked: Checked | None = None
    why_not: str | None = None


def export_model(
    model: Model, folder: Path, *, encoder_folder: Path, sample: Pool, onnx: bool | None = None
) -> Exported:
    """Write the folder of a model, and its ONNX file where this is possible.

    Args:
        model: What to write.
        folder: Folder to write.
        encoder_folder: Folder of the encoder.
        sample: Items to compare both on.
        onnx: True: an ONNX file or an error; False: no ONNX file; None: an ONNX file if the packages are installed and
            encoder and head can be written as ONNX.

    Raises:
        HeadError: The folder cannot be used; or ``onnx`` is True, and the head cannot be written as ONNX or the
            predictions differ.
        ConfigError: ``onnx`` is True, and a package is missing.
        EncoderError: ``onnx`` is True, and the encoder cannot be written as ONNX.
    """
    model.save(folder, encoder_folder=encoder_folder)
    if onnx is False:
        return Exported(folder)
    try:
        checked = write_onnx(model, folder, sample)
    except (ConfigError, EncoderError, HeadError) as error:
        if onnx:
            raise
        return Exported(folder, why_not=error.message)
    return Exported(folder, folder / FILE, checked)
