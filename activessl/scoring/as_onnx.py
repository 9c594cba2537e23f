"""A model as one ONNX file, whose answers are compared with ours before it counts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from jaxtyping import Float

from activessl.encoders.base import Encoder
from activessl.encoders.images.patches import PatchEncoder
from activessl.encoders.images.pixels import PixelEncoder
from activessl.encoders.pretrain import TrainedEncoder
from activessl.encoders.series.rocket import RocketEncoder, read_series
from activessl.errors import ConfigError, EncoderError, HeadError
from activessl.pool.pool import Pool
from activessl.pool.progress import OnProgress, tell
from activessl.scoring.encoder_graphs import write_encoder
from activessl.scoring.graph import WITHOUT, Graph
from activessl.scoring.head_graphs import write_head, write_place
from activessl.scoring.model import BATCH, Model, Scores

FILE = "model.onnx"
#: By how much a probability may differ between ONNX Runtime and us: far below what changes a decision, and above what
#: another order of sums does. A novelty may jump over items that lie equally far: it is compared more loosely.
CLOSE, CLOSE_NOVELTY = 1e-3, 0.02
#: Protocol buffers end at 2 GB.
MOST_BYTES = 1_900_000_000


@dataclass(frozen=True)
class Checked:
    """What a comparison of both ways of scoring found.

    Attributes:
        items: How many were scored both ways.
        difference: The largest difference of a probability.
        novelty_difference: The largest difference of a novelty.
        left_out: How many others of the sample the file cannot read: series with missing values, or too short ones.
    """

    items: int
    difference: float
    novelty_difference: float
    left_out: int = 0


def write_onnx(model: Model, folder: Path, sample: Pool) -> Checked:
    """Write ``model.onnx`` into a model's folder and compare its answers with ours on real items.

    Its outputs are ``probabilities`` (batch, k), ``novelty`` (batch,) and ``encoded`` (batch, d), the vectors.

    Args:
        model: What to write.
        folder: Where ``Model.save`` has written it.
        sample: Items to compare on; a few hundred are enough.

    Raises:
        ConfigError: The packages onnx or onnxruntime are not installed.
        EncoderError: The encoder cannot be said in ONNX.
        HeadError: Nor the head; or the answers differ, and no file is left.
    """
    base, memories, *_ = model.pool.parts
    if sum(a.nbytes for a in (base, *memories.values())) > MOST_BYTES:
        raise HeadError(
            f"a pool of {len(base):,} × {base.shape[1]} does not fit into one ONNX file",
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
    path = folder / FILE
    path.write_bytes(content)
    try:
        checked = check_answers(model, path, sample)
    except Exception:
        path.unlink(missing_ok=True)
        raise
    note = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    note["onnx"] = {
        "file": FILE,
        "input": {"name": entrance.name, "type": "uint8" if entrance.kind == 2 else "float32", "shape": entrance.shape},
        "how": _how(model.encoder),
        "compared on": checked.items,
        "largest difference": float(f"{checked.difference:.2g}"),
    }
    (folder / "model.json").write_text(json.dumps(note, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return checked


def check_answers(model: Model, path: Path, sample: Pool) -> Checked:
    """Score items both ways.

    Raises:
        HeadError: The answers differ by more than rounding.
    """
    sample, left_out = readable(model.encoder, sample)
    ours, theirs = model.score(sample), OnnxScorer(model, path).score(sample)
    apart = float(np.abs(ours.probs - theirs.probs).max())
    strange = float(np.abs(ours.novelty - theirs.novelty).max())
    if not (apart <= CLOSE and strange <= CLOSE_NOVELTY):
        raise HeadError(
            f"the ONNX file answers differently: by {apart:.2g} in a probability, by {strange:.2g} in a novelty",
            hint="leave --onnx out, and report it with the encoder's name",
        )
    return Checked(len(sample), apart, strange, left_out)


class OnnxScorer:
    """Scores items with ONNX Runtime.

    Args:
        model: Prepares items as its encoder does.
        path: The file.

    Raises:
        ConfigError: The package onnxruntime is not installed.
        HeadError: No such file, or one that cannot be read.
    """

    def __init__(self, model: Model, path: Path) -> None:
        try:
            import onnxruntime
        except ImportError:
            raise ConfigError(
                "scoring with ONNX needs the package onnxruntime, which is not installed",
                hint="run `pip install 'activessl[onnx]'`",
            ) from None
        self.model = model
        if not path.is_file():
            raise HeadError(
                f"the model in {path.parent} has no ONNX file",
                hint="leave --onnx out, or run `activessl export model --onnx`: it writes one, or says why it cannot",
            )
        try:
            self.session: Any = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        except Exception as error:  # noqa: BLE001  # its own classes come from C++, without a common base
            raise HeadError(
                f"{path} cannot be opened: {str(error).splitlines()[0]}", hint="run `activessl export model` again"
            ) from None
        self.entrance = self.session.get_inputs()[0].name

    def score(self, items: Pool, *, on_progress: OnProgress | None = None) -> Scores:
        """Score items, a mini-batch at a time.

        Raises:
            EncoderError: Items that the encoder or the file cannot read.
        """
        if items.modality != self.model.modality:
            raise EncoderError(
                f"a model of {self.model.modality} cannot score {items.modality}",
                hint=f"give it {self.model.modality} items",
            )
        probs, novelty, done = [], [], 0
        for batch in tensors(self.model.encoder, items):
            found = self.session.run(["probabilities", "novelty"], {self.entrance: batch})
            probs.append(found[0])
            novelty.append(found[1])
            done += len(batch)
            tell(on_progress, "score", done, len(items))
        return Scores(items.ids, np.concatenate(probs), np.concatenate(novelty), self.model.kind)


def tensors(encoder: Encoder, items: Pool) -> Iterator[np.ndarray[Any, Any]]:
    """What the file takes, a mini-batch at a time, in the order of the items.

    Raises:
        EncoderError: Series with missing values, or too short for the encoder's convolutions.
    """
    match encoder:
        case PixelEncoder() | PatchEncoder() | TrainedEncoder():
            for pictures in encoder.image.batches(items, BATCH):
                yield pictures.numpy()
        case RocketEncoder():
            yield from _series(encoder, items)
        case _:
            yield from encoder.batches(items, BATCH)


def readable(encoder: Encoder, items: Pool) -> tuple[Pool, int]:
    """Those of some items that the file can read, all of them where there are none, and how many others there are."""
    if not isinstance(encoder, RocketEncoder):
        return items, 0
    every = (read_series(items, [row], channels=len(encoder.rocket.mean))[0] for row in range(len(items)))
    whole = [item for item, series in zip(items.ids, every, strict=True) if _fits(encoder, series)]
    return (items.subset(whole) if whole else items), len(items) - len(whole)


def _shortest(encoder: RocketEncoder) -> int:
    return 8 * max(encoder.rocket.dilations) + 1


def _fits(encoder: RocketEncoder, series: np.ndarray[Any, Any]) -> bool:
    return series.shape[1] >= _shortest(encoder) and not np.isnan(series).any()


def _series(encoder: RocketEncoder, items: Pool) -> Iterator[Float[np.ndarray, "b c t"]]:
    batch: list[np.ndarray[Any, Any]] = []
    for row in range(len(items)):
        series = read_series(items, [row], channels=len(encoder.rocket.mean))[0]
        if not _fits(encoder, series):
            raise EncoderError(
                f"series {items.ids[row]} has missing values, or fewer than the {_shortest(encoder)} that the ONNX "
                "file needs",
                hint="score it without --onnx",
            )
        # a batch is of one length
        if batch and (batch[0].shape != series.shape or len(batch) == BATCH):
            yield np.stack(batch)
            batch = []
        batch.append(series)
    if batch:
        yield np.stack(batch)


def _how(encoder: Encoder) -> str:
    match encoder:
        case PixelEncoder() | TrainedEncoder():
            image: Any = encoder.image
        case PatchEncoder():
            image = encoder.image
        case RocketEncoder():
            return "series (channels, time) as they are, all of a batch of one length, without missing values"
        case _:
            return "vectors as they are"
    settings = cast("dict[str, Any]", image.to_json())
    if "channels" not in settings:
        return f"spectrograms as activessl's MelInput makes them with {json.dumps(settings, sort_keys=True)}"
    colours = "grey" if settings["channels"] == 1 else "RGB"
    return (
        f"8-bit {colours} images, squeezed to {image.side} x {image.side} by Pillow's bilinear filter, channels first; "
        f"16-bit images divided by {settings['scale16']:g} first"
    )


@dataclass(frozen=True)
class Exported:
    """What ``export_model`` left.

    Attributes:
        folder: The model.
        onnx: The ONNX file in it; None where there is none.
        checked: What its comparison found.
        why_not: Why there is no ONNX file, where it was not left out on purpose.
    """

    folder: Path
    onnx: Path | None = None
    checked: Checked | None = None
    why_not: str | None = None


def export_model(
    model: Model, folder: Path, *, encoder_folder: Path, sample: Pool, onnx: bool | None = None
) -> Exported:
    """Write a model's folder, and its ONNX file where that is possible.

    Args:
        model: What to write.
        folder: Where to.
        encoder_folder: Where its encoder lies.
        sample: Items to compare both on.
        onnx: True: an ONNX file or an error; False: none; None: one if the packages are there and encoder and head
            can be said in ONNX.

    Raises:
        HeadError: The folder cannot be used, or the ONNX file answers differently.
        ConfigError: ``onnx`` is True, and a package is missing.
        EncoderError: ``onnx`` is True, and the encoder cannot be said in ONNX.
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
