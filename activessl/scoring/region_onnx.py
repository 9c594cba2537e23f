"""The network of a dense head as one ONNX file, compared with it on real items before it is kept.

The file reads vectors of parts, which the encoder of the model's folder makes, and gives the probability of each class
in each place. Joining places into regions stays with ``DenseHead``: it is no arithmetic of tensors.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from activessl.encoders.compute.graph import Graph
from activessl.errors import ConfigError, HeadError
from activessl.heads.dense.network import DenseNetwork
from activessl.pool.pool import Pool
from activessl.scoring.as_onnx import CLOSE, Checked, Exported, opened
from activessl.scoring.model_folder import FILE, add_network
from activessl.scoring.regions import RegionModel

__all__ = ["OnnxDense", "export_region_model", "onnx_network"]


class OnnxDense:
    """The network of a dense head in ONNX Runtime.

    Args:
        network: The same network in PyTorch, for what is not in the file: how levels are standardized.
        path: The ONNX file.

    Raises:
        ConfigError: The package onnxruntime is not installed.
        HeadError: The file does not exist or cannot be read.
    """

    def __init__(self, network: DenseNetwork, path: Path) -> None:
        self._network, self._session = network, opened(path)

    def __call__(self, levels: Sequence[Tensor], there: Tensor | None = None, /) -> Tensor:
        """The logits at the finest level."""
        return self._run("logits", levels, there)

    def hidden(self, levels: Sequence[Tensor], there: Tensor | None = None) -> Tensor:
        """The channels before the outputs."""
        return self._run("hidden", levels, there)

    def standard(self, level: Tensor, k: int) -> Tensor:
        """A standardized level."""
        return self._network.standard(level, k)

    def _run(self, what: str, levels: Sequence[Tensor], there: Tensor | None) -> Tensor:
        given = {f"level{k}": level.numpy() for k, level in enumerate(levels)}
        shape = (len(levels[0]), 1, *levels[0].shape[2:])
        given["there"] = np.ones(shape, np.float32) if there is None else there.numpy()
        return torch.from_numpy(self._session.run([what], given)[0])


def onnx_network(model: RegionModel, folder: Path) -> OnnxDense:
    """The network of a model in ONNX Runtime, from its folder."""
    if model.head.network is None:
        raise HeadError("the head of regions was not taught", hint="export the model again")
    return OnnxDense(model.head.network, folder / FILE)


def export_region_model(
    model: RegionModel, folder: Path, *, encoders: Path, sample: Pool, onnx: bool | None = None
) -> Exported:
    """Write the folder of a model of regions, and its ONNX file where this is possible.

    Args:
        model: What to write.
        folder: Folder to write.
        encoders: The folder where the encoder was saved.
        sample: Items to compare both on.
        onnx: True: an ONNX file or an error; False: no ONNX file; None: an ONNX file if the packages are installed.

    Raises:
        HeadError: The folder cannot be used; or ``onnx`` is True, and the probabilities differ.
        ConfigError: ``onnx`` is True, and a package is missing.
        EncoderError: The encoder cannot leave its project.
    """
    model.save(folder, encoders=encoders)
    if onnx is False:
        return Exported(folder)
    try:
        checked = _write(model, folder, sample)
    except (ConfigError, HeadError) as error:
        if onnx:
            raise
        return Exported(folder, why_not=error.message)
    return Exported(folder, folder / FILE, checked)


def _write(model: RegionModel, folder: Path, sample: Pool) -> Checked:
    network = model.head.network
    if network is None:
        raise HeadError("the head of regions was not taught", hint="teach it first")

    def check(_: Path) -> float:
        apart = _difference(model, onnx_network(model, folder), sample)
        if not apart <= CLOSE:
            raise HeadError(
                f"the probabilities of the ONNX file differ by {apart:.2g}",
                hint="leave --onnx out, and report the difference with the name of the encoder",
            )
        return apart

    def told(apart: float) -> dict[str, Any]:
        levels = {f"level{k}": ["batch", dim, f"rows{k}", f"columns{k}"] for k, dim in enumerate(model.encoder.dims)}
        return {
            "input": {**levels, "there": ["batch", 1, "rows0", "columns0"]},
            "how": "levelK: the vectors of the parts by the encoder of this folder, the finest level first, padded "
            "with zeros; there: 1 for a part, 0 where it is padded",
            "thresholds": list(model.head.cuts.thresholds),
            "compared on": len(sample),
            "largest difference": float(f"{apart:.2g}"),
        }

    content = _graph(network, model.encoder.dims, len(model.classes))
    return Checked(len(sample), add_network(folder, content, check, told), 0.0)


def _difference(model: RegionModel, network: OnnxDense, sample: Pool) -> float:
    """The largest difference of a probability, on real items."""
    rows = range(len(sample))
    with tempfile.TemporaryDirectory() as folder:
        parts = model.parts(sample, Path(folder) / "parts")
        pairs = zip(model.head.probabilities(parts, rows), model.head.probabilities(parts, rows, network), strict=True)
        return max((float(np.abs(one - other).max(initial=0.0)) for one, other in pairs), default=0.0)


def _graph(network: DenseNetwork, dims: Sequence[int], classes: int) -> bytes:
    """The network as an ONNX file: as ``DenseNetwork.hidden``, line by line."""
    graph, weights = Graph(), {name: value.numpy() for name, value in network.state_dict().items()}

    def convolved(value: str, name: str) -> str:
        kernel = weights[f"{name}.weight"]
        rows, columns = (size // 2 for size in kernel.shape[2:])
        pads = [rows, columns, rows, columns]
        return str(graph.add("Conv", value, kernel, weights[f"{name}.bias"], pads=pads))

    x, size = "", ""
    for k in range(network.depth):
        moved = graph.add("Sub", f"level{k}", weights[f"mean{k}"])
        standard = graph.add("Clip", graph.add("Mul", moved, weights[f"scale{k}"]), np.float32(-8), np.float32(8))
        narrow = convolved(standard, f"enter.{k}")
        if k == 0:
            x, size = narrow, graph.add("Slice", graph.add("Shape", narrow), np.array([2]), np.array([4]))
            continue
        front = graph.add("Slice", graph.add("Shape", narrow), np.array([0]), np.array([2]))
        wanted = graph.add("Concat", front, size, axis=0)
        settings: dict[str, Any] = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
        x = graph.add("Add", x, graph.add("Resize", narrow, "", "", wanted, **settings))
    x = graph.add("Mul", graph.add("Relu", x), "there")
    x = graph.add("Mul", graph.add("Add", x, graph.add("Relu", convolved(x, "first"))), "there")
    hidden = str(graph.add("Add", x, graph.add("Relu", convolved(x, "second"))))
    logits = convolved(hidden, "out")
    inputs = [(f"level{k}", 1, ["batch", dim, f"rows{k}", f"columns{k}"]) for k, dim in enumerate(dims)]
    grid = ["rows0", "columns0"]
    return graph.finish(
        [*inputs, ("there", 1, ["batch", 1, *grid])],
        {
            "probabilities": (str(graph.add("Sigmoid", logits)), ["batch", classes, *grid]),
            "logits": (logits, ["batch", classes, *grid]),
            "hidden": (hidden, ["batch", len(weights["first.bias"]), *grid]),
        },
    )
