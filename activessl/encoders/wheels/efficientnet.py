"""EfficientNet-Lite: convolutions for images, small and without operations that a CPU is slow at.

A block widens its channels sixfold, filters each channel on its own, and narrows them again; blocks that keep size and
channels add their input. Batch normalization is folded into the convolutions when the weights are read, so that the
network has nothing but convolutions, clipped to [0, 6], and sums.

Tan & Le, EfficientNet, ICML 2019 (arXiv:1905.11946); the Lite variants were published as code only, in 2020.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float

from activessl.encoders.compute.graph import Graph

#: Batch normalization of the training, as in TensorFlow's code.
_EPSILON = 1e-3
#: The stages of EfficientNet-B0: kernel, stride, widening, channels, blocks.
_STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)

Array = np.ndarray[Any, np.dtype[Any]]


class Layer(NamedTuple):
    """One convolution.

    Attributes:
        name: Prefix of its weights.
        stride: Step in pixels.
        depthwise: Whether each channel is filtered on its own.
        clipped: Whether the result is clipped to [0, 6].
    """

    name: str
    stride: int
    depthwise: bool
    clipped: bool


@dataclass(frozen=True)
class Block:
    """Convolutions in a row.

    Attributes:
        layers: The convolutions.
        adds: Whether the block's input is added to its output.
    """

    layers: tuple[Layer, ...]
    adds: bool


def blocks(depth: float) -> tuple[Block, ...]:
    """The network as blocks, from the image to the 1,280 channels before the pooling.

    Args:
        depth: Factor of the number of blocks in all stages but the first and the last; 1.2 in Lite2.

    Example:
        >>> len(blocks(1.2)), len(blocks(1.0))
        (23, 18)
    """
    found = [Block((Layer("stem", 2, False, True),), adds=False)]
    for stage, (_, stride, widening, _, repeats) in enumerate(_STAGES):
        ends = stage in (0, len(_STAGES) - 1)  # Lite leaves both ends of the network as they are
        for i in range(repeats if ends else int(np.ceil(repeats * depth))):
            at = f"block{len(found) - 1}"
            wide = (Layer(f"{at}.widen", 1, False, True),) if widening > 1 else ()
            rest = (Layer(f"{at}.filter", 1 if i else stride, True, True), Layer(f"{at}.narrow", 1, False, False))
            found.append(Block((*wide, *rest), adds=i > 0))
    return (*found, Block((Layer("head", 1, False, True),), adds=False))


def taps(depth: float) -> tuple[int, ...]:
    """The blocks with the last maps at strides of 4, 8, 16 and 32 pixels: indices into ``blocks``.

    Example:
        >>> taps(1.2)
        (4, 7, 15, 21)
    """
    steps = [max(layer.stride for layer in block.layers) for block in blocks(depth)]
    coarser = [at for at, step in enumerate(steps) if step > 1] + [len(steps) - 1]
    # the stem and the first halving come before stride 4; the head widens the last maps
    return tuple(at - 1 for at in coarser[2:])


def folded(state: Mapping[str, torch.Tensor], depth: float) -> dict[str, Array]:
    """Fold batch normalization into the convolutions of a published file.

    Args:
        state: The weights with the names of the file.
        depth: As in ``blocks``.

    Returns:
        For each layer ``NAME.weight`` (out, in, k, k) and ``NAME.bias`` (out,), float32.

    Raises:
        KeyError: A weight is missing.
    """
    found = {}
    for ours, convolution, norm in _names(depth):
        gain, shift, mean, spread = (
            state[f"{norm}.{part}"].double() for part in ("weight", "bias", "running_mean", "running_var")
        )
        scale = gain / torch.sqrt(spread + _EPSILON)
        weight = state[f"{convolution}.weight"].double() * scale.view(-1, 1, 1, 1)
        found[f"{ours}.weight"] = weight.float().numpy()
        found[f"{ours}.bias"] = (shift - mean * scale).float().numpy()
    return found


def _names(depth: float) -> Iterator[tuple[str, str, str]]:
    """For each layer: our name, the file's name of the convolution, the file's name of the normalization."""
    theirs = {"widen": "_expand_conv", "filter": "_depthwise_conv", "narrow": "_project_conv"}
    for block in blocks(depth):
        for number, layer in enumerate(block.layers):
            if "." not in layer.name:
                yield layer.name, f"_conv_{layer.name}", "_bn0" if layer.name == "stem" else "_bn1"
            else:
                at, part = layer.name.split(".")
                # the first block widens nothing and numbers its normalizations from 1
                norm = number + (len(block.layers) == 2)
                yield layer.name, f"_blocks.{at[5:]}.{theirs[part]}", f"_blocks.{at[5:]}._bn{norm}"


class Network:
    """The network in torch.

    Args:
        weights: As ``folded`` returns them.
        depth: As in ``blocks``.
        device: Where it computes.
    """

    def __init__(self, weights: Mapping[str, Array], depth: float, device: torch.device) -> None:
        self.device = device
        self._depth = depth
        self._blocks = blocks(depth)
        # channels last: on a CPU convolutions of one pixel are then products of matrices without a copy
        self._weights = {
            name: (tensor.contiguous(memory_format=torch.channels_last) if tensor.ndim == 4 else tensor)
            for name, value in weights.items()
            for tensor in (torch.from_numpy(value).to(device),)
        }

    def __call__(self, images: Float[torch.Tensor, "b 3 s s"]) -> Float[torch.Tensor, "b d"]:
        """Normalized images -> the root of the mean over positions of the last 1,280 channels.

        Channels are never negative. The root keeps a few strong channels from deciding every distance.
        """
        x = images.contiguous(memory_format=torch.channels_last)
        for block in self._blocks:
            before = x
            for layer in block.layers:
                x = self._convolved(x, layer)
            if block.adds:
                x = x + before
        return x.mean((2, 3)).sqrt()

    def maps(self, images: Float[torch.Tensor, "b 3 s s"]) -> list[Float[torch.Tensor, "b c h w"]]:
        """Normalized images -> the maps at the blocks of ``taps``, the finest first."""
        x, found, wanted = images.contiguous(memory_format=torch.channels_last), [], taps(self._depth)
        for number, block in enumerate(self._blocks[:-1]):
            before = x
            for layer in block.layers:
                x = self._convolved(x, layer)
            if block.adds:
                x = x + before
            if number in wanted:
                found.append(x)
        return found

    def _convolved(self, x: torch.Tensor, layer: Layer) -> torch.Tensor:
        weight, bias = self._weights[f"{layer.name}.weight"], self._weights[f"{layer.name}.bias"]
        kernel = weight.shape[2]

        # TensorFlow's padding: what cannot be divided evenly is padded below and on the right
        missing = (-(-x.shape[2] // layer.stride) - 1) * layer.stride + kernel - x.shape[2]
        around, odd = divmod(max(0, missing), 2)
        if odd:
            x, around = F.pad(x, (around, around + 1, around, around + 1)), 0
        x = F.conv2d(x, weight, bias, layer.stride, around, groups=weight.shape[0] if layer.depthwise else 1)
        return x.clamp_(0, 6) if layer.clipped else x


def write(graph: Graph, weights: Mapping[str, Array], depth: float, images: str) -> str:
    """Add the network to an ONNX graph; return the name of its vectors (b, 1280).

    Args:
        graph: The graph.
        weights: As ``folded`` returns them.
        depth: As in ``blocks``.
        images: Name of the normalized images.
    """
    x, _ = _written(graph, weights, blocks(depth), images)
    return str(graph.add("Sqrt", graph.add("ReduceMean", x, axes=[2, 3], keepdims=0)))


def write_maps(graph: Graph, weights: Mapping[str, Array], depth: float, images: str) -> list[str]:
    """Add the network without its last layer to an ONNX graph; return the names of the maps at the blocks of ``taps``.

    Args:
        graph: The graph.
        weights: As ``folded`` returns them.
        depth: As in ``blocks``.
        images: Name of the normalized images.
    """
    _, after = _written(graph, weights, blocks(depth)[:-1], images)
    return [after[at] for at in taps(depth)]


def _written(graph: Graph, weights: Mapping[str, Array], rows: tuple[Block, ...], images: str) -> tuple[str, list[str]]:
    """Add blocks to a graph; return the names of the last output, and of the output of each block."""
    x, after = images, []
    for block in rows:
        before = x
        for layer in block.layers:
            weight, bias = weights[f"{layer.name}.weight"], weights[f"{layer.name}.bias"]
            groups = len(weight) if layer.depthwise else 1
            x = graph.add("Conv", x, weight, bias, auto_pad="SAME_UPPER", strides=[layer.stride] * 2, group=groups)
            if layer.clipped:
                x = graph.add("Clip", x, np.float32(0), np.float32(6))
        if block.adds:
            x = graph.add("Add", x, before)
        after.append(x)
    return x, after
