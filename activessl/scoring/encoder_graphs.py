"""The encoders as ONNX nodes: the computation from the tensor of an item to its vector."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import numpy as np
import torch

from activessl.encoders.base import Encoder
from activessl.encoders.compute.graph import Graph
from activessl.encoders.images.patches import CONTRAST, PatchEncoder
from activessl.encoders.images.pixels import PixelEncoder
from activessl.encoders.images.regions import means_by_region
from activessl.encoders.pretrain import TrainedEncoder
from activessl.encoders.series.convolutions import kernels
from activessl.encoders.series.rocket import RocketEncoder
from activessl.encoders.series.transformer import SeriesTransformer
from activessl.encoders.training.vit import Block, ViTConfig
from activessl.encoders.vectors import VectorEncoder
from activessl.encoders.wheels.image import LiteEncoder
from activessl.errors import EncoderError
from activessl.scoring.model import WITHOUT

UINT8, FLOAT = 2, 1


class Entrance(NamedTuple):
    """The input of a model.

    Attributes:
        name: Name of the input.
        kind: ONNX number of the element type.
        shape: Shape of the input; variable dimensions are words.
        vectors: Name of the encoder's vectors in the graph.
    """

    name: str
    kind: int
    shape: list[Any]
    vectors: str


def write_encoder(graph: Graph, encoder: Encoder) -> Entrance:
    """Add the nodes of an encoder.

    Pictures are input as the encoder reads them, (batch, channels, side, side) of uint8: the caller decodes and resizes
    images, as described in ``model.json``. Series are input as (batch, channels, time), not standardized, all of one
    length and without missing values.

    Raises:
        EncoderError: This encoder cannot be written as ONNX.
    """
    match encoder:
        case VectorEncoder():
            return Entrance("vectors", FLOAT, ["batch", encoder.dim], "vectors")
        case PixelEncoder():
            side, c = encoder.image.side, encoder.image.channels
            flat = graph.shaped(graph.add("Div", graph.floats("pictures"), np.float32(255)), 0, -1)
            out = graph.add("MatMul", graph.add("Sub", flat, encoder.mean.numpy()), encoder.components.numpy())
            return Entrance("pictures", UINT8, ["batch", c, side, side], out)
        case PatchEncoder():
            side, c = encoder.image.side, len(encoder.codes.mean) // encoder.codes.field**2
            return Entrance("pictures", UINT8, ["batch", c, side, side], _patches(graph, encoder, side, c))
        case LiteEncoder():
            side = encoder.image.side
            return Entrance("pictures", UINT8, ["batch", 3, side, side], encoder.write(graph, graph.floats("pictures")))
        case TrainedEncoder():
            side, c = encoder.image.side, len(encoder.mean)
            return Entrance("pictures", UINT8, ["batch", c, side, side], _transformer(graph, encoder))
        case RocketEncoder():
            return Entrance("series", FLOAT, ["batch", len(encoder.rocket.mean), "time"], _rocket(graph, encoder))
        case _:
            raise EncoderError(
                f"the encoder {encoder.name!r} cannot be written as ONNX: it reads {_reads(encoder)}",
                hint=WITHOUT,
            )


def _reads(encoder: Encoder) -> str:
    if isinstance(encoder, SeriesTransformer):
        return "series of any length, without their missing values"
    if encoder.name == "pretrained":
        return {512: "texts, with its own tokenizer"}.get(encoder.dim, "sounds of any length")
    known = {
        "tfidf": "texts, split into words and letters",
        "sentence": "texts, with its own tokenizer",
    }
    return known.get(encoder.name, "items in a form that ONNX does not have")


def _patches(graph: Graph, encoder: PatchEncoder, side: int, channels: int) -> str:
    codes, field, stride = encoder.codes, encoder.codes.field, encoder.codes.stride
    p, rows = len(codes.mean), (side - field) // stride + 1

    # each patch becomes the channels of one position, by a convolution with the identity
    image = graph.add("Div", graph.floats("pictures"), np.float32(255))
    cut = graph.add("Conv", image, np.eye(p).reshape(p, channels, field, field), strides=[stride, stride])
    patches = graph.add("Transpose", graph.shaped(cut, 0, p, rows * rows), perm=[0, 2, 1])

    centred = graph.add("Sub", patches, graph.add("ReduceMean", patches, axes=[-1]))
    power = graph.add("ReduceMean", graph.add("Mul", centred, centred), axes=[-1])
    normal = graph.add("Div", centred, graph.add("Sqrt", graph.add("Add", power, np.float32(CONTRAST))))
    white = graph.add("MatMul", graph.add("Sub", normal, codes.mean.numpy()), codes.whiten.numpy())

    # distances to the centroids, and by how much each centroid is nearer than the average
    c = codes.centroids.numpy()
    own = graph.add("ReduceSumSquare", white, axes=[-1])
    square = graph.add("Add", graph.add("MatMul", white, -2 * c.T), (c * c).sum(axis=1))
    distance = graph.add("Sqrt", graph.add("Max", graph.add("Add", square, own), np.float32(0)))
    nearer = graph.add("Sub", graph.add("ReduceMean", distance, axes=[-1]), distance)
    active = graph.add("Relu", nearer)  # (b, rows², k)

    pooled = graph.add("MatMul", _regions(rows, codes.grid), active)  # (b, grid², k)
    flat = graph.shaped(graph.add("Transpose", pooled, perm=[0, 2, 1]), 0, -1)
    rooted = graph.add("Sub", graph.add("Sqrt", flat), encoder.pca_mean.numpy())
    return str(graph.add("MatMul", rooted, encoder.pca.numpy()))


def _regions(rows: int, grid: int) -> np.ndarray[Any, Any]:
    """Matrix (grid², rows²) that averages over regions."""
    eye = torch.eye(rows * rows).view(rows * rows, 1, rows, rows)
    found: np.ndarray[Any, Any] = means_by_region(eye, min(grid, rows)).flatten(1).T.numpy()
    return found


def _transformer(graph: Graph, encoder: TrainedEncoder) -> str:
    vit = encoder.vit
    config = cast(ViTConfig, vit.config)  # it reads pictures
    g, patch, c, d = config.grid, config.patch, config.channels, config.dim

    image = graph.add("Div", graph.floats("pictures"), np.float32(255))
    image = graph.add("Sub", image, encoder.mean.view(-1, 1, 1).numpy())
    image = graph.add("Div", image, encoder.std.view(-1, 1, 1).numpy())
    cut = graph.add("Transpose", graph.shaped(image, 0, c, g, patch, g, patch), perm=[0, 2, 4, 1, 3, 5])
    x = _linear(graph, graph.shaped(cut, 0, g * g, c * patch * patch), vit.embed)
    x = graph.add("Add", x, vit.position.numpy())
    for block in vit.blocks:
        x = _block(graph, x, cast(Block, block), g * g, d)
    tokens = _norm(graph, x, vit.norm)  # (b, g², d)

    pooled = graph.add("MatMul", _regions(g, encoder.grid), tokens)
    flat = graph.shaped(graph.add("Transpose", pooled, perm=[0, 2, 1]), 0, -1)
    return str(graph.add("MatMul", graph.add("Sub", flat, encoder.pca_mean.numpy()), encoder.pca.numpy()))


def _block(graph: Graph, x: str, block: Block, n: int, d: int) -> str:
    heads = block.heads
    qkv = graph.shaped(_linear(graph, _norm(graph, x, block.norm1), block.qkv), 0, n, 3, heads, d // heads)
    turned = graph.add("Transpose", qkv, perm=[2, 0, 3, 1, 4])  # (3, b, heads, n, d / heads)
    q, k, v = (graph.add("Gather", turned, np.array(i, dtype=np.int64), axis=0) for i in range(3))
    likeness = graph.add("MatMul", q, graph.add("Transpose", k, perm=[0, 1, 3, 2]))
    attention = graph.add("Softmax", graph.add("Mul", likeness, np.float32((d // heads) ** -0.5)), axis=-1)
    mixed = graph.add("Transpose", graph.add("MatMul", attention, v), perm=[0, 2, 1, 3])
    x = graph.add("Add", x, _linear(graph, graph.shaped(mixed, 0, n, d), block.out))

    wide = _linear(graph, _norm(graph, x, block.norm2), block.mlp[0])
    half = graph.add("Mul", wide, np.float32(0.5))
    gelu = graph.add("Mul", half, graph.add("Add", graph.add("Erf", graph.add("Mul", wide, 2**-0.5)), np.float32(1)))
    return str(graph.add("Add", x, _linear(graph, gelu, block.mlp[2])))


def _linear(graph: Graph, x: str, layer: Any) -> str:
    return str(graph.add("Add", graph.add("MatMul", x, _numpy(layer.weight).T), _numpy(layer.bias)))


def _norm(graph: Graph, x: str, layer: Any) -> str:
    return str(graph.add("LayerNormalization", x, _numpy(layer.weight), _numpy(layer.bias), epsilon=layer.eps))


def _numpy(parameter: torch.Tensor) -> np.ndarray[Any, Any]:
    found: np.ndarray[Any, Any] = parameter.detach().cpu().numpy()
    return found


def _rocket(graph: Graph, encoder: RocketEncoder) -> str:
    rocket = encoder.rocket
    x = graph.add("Sub", "series", rocket.mean[:, None].numpy())
    x = graph.add("Div", x, rocket.std[:, None].numpy())
    found = []
    for i, dilation in enumerate(rocket.dilations):
        weights = (kernels()[:, None, :] * rocket.channels[i][:, :, None]).numpy()
        shares: list[str] = []
        order: list[int] = []
        # every second kernel counts only positions whose window lies inside the series
        for inside in (False, True):
            mine = np.flatnonzero((np.arange(84) % 2 == i % 2) == inside)
            reach = 0 if inside else 4 * dilation
            out = graph.add("Conv", x, weights[mine], dilations=[dilation], pads=[reach, reach])
            shares.append(_shares(graph, out, rocket.biases[i].numpy()[mine]))
            order += mine.tolist()
        both = graph.add("Concat", *shares, axis=1)
        found.append(graph.add("Gather", both, np.argsort(order).astype(np.int64), axis=1))
    flat = [graph.shaped(one, 0, -1) for one in [*found, _shares(graph, x, rocket.levels.numpy())]]
    features = graph.add("Sub", graph.add("Concat", *flat, axis=1), encoder.pca_mean.numpy())
    return str(graph.add("MatMul", features, encoder.pca.numpy()))


def _shares(graph: Graph, out: str, biases: np.ndarray[Any, Any]) -> str:
    """Compute the share of positions above each bias: (b, k, t) and (k, q) -> (b, k, q)."""
    wide = graph.add("Unsqueeze", out, np.array([2], dtype=np.int64))  # (b, k, 1, t)
    above = graph.floats(graph.add("Greater", wide, biases[:, :, None]))
    return str(graph.add("ReduceMean", above, axes=[-1], keepdims=0))
