"""Build an ONNX graph, node by node."""

from __future__ import annotations

from typing import Any

import numpy as np

from activessl.errors import ConfigError

#: The oldest operator set with all operators used here; every runtime of the last years reads it.
OPSET = 17


class Graph:
    """An ONNX graph in construction: each call of ``add`` adds one node and returns the name of its output.

    Raises:
        ConfigError: The package onnx is not installed.
    """

    def __init__(self) -> None:
        self.helper, self.numpy_helper = _onnx()
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, value: Any) -> str:
        """Add a constant tensor; float64 becomes float32, other types stay."""
        array = np.asarray(value)
        array = np.ascontiguousarray(array, dtype=np.float32 if array.dtype == np.float64 else array.dtype)
        name = f"c{len(self.constants)}"
        self.constants.append(self.numpy_helper.from_array(array.reshape(np.shape(value)), name))
        return name

    def add(self, operator: str, *inputs: Any, outputs: int = 1, **settings: Any) -> Any:
        """Add a node; inputs are names of earlier outputs, or arrays and numbers that become constants.

        Returns:
            The name of the output, or a list of names where there are several.
        """
        names = [value if isinstance(value, str) else self.constant(value) for value in inputs]
        made = [f"t{len(self.nodes)}" + (f"_{i}" if i else "") for i in range(outputs)]
        self.nodes.append(self.helper.make_node(operator, names, made, **settings))
        return made[0] if outputs == 1 else made

    def floats(self, value: str) -> str:
        """Cast to float32."""
        return str(self.add("Cast", value, to=1))

    def shaped(self, value: str, *shape: int) -> str:
        """Reshape; 0 keeps a dimension, -1 takes the remaining size."""
        return str(self.add("Reshape", value, np.array(shape, dtype=np.int64)))

    def unit(self, value: str) -> str:
        """Scale rows to length one; a zero row stays zero."""
        length = self.add("ReduceL2", value, axes=[-1], keepdims=1)
        return str(self.add("Div", value, self.add("Max", length, np.float32(1e-12))))

    def finish(self, inputs: list[tuple[str, int, list[Any]]], outputs: dict[str, tuple[str, list[Any]]]) -> bytes:
        """Check and serialize the model.

        Args:
            inputs: Name, ONNX element type and shape of each input; a variable dimension is a word.
            outputs: For each output name: the name inside the graph, and the shape. All are float32.
        """
        import onnx

        for name, (inner, _) in outputs.items():
            self.nodes.append(self.helper.make_node("Identity", [inner], [name]))
        graph = self.helper.make_graph(
            self.nodes,
            "activessl",
            [self.helper.make_tensor_value_info(*one) for one in inputs],
            [self.helper.make_tensor_value_info(name, 1, shape) for name, (_, shape) in outputs.items()],
            self.constants,
        )
        model = self.helper.make_model(graph, opset_imports=[self.helper.make_opsetid("", OPSET)], ir_version=8)
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString())


def _onnx() -> tuple[Any, Any]:
    try:
        from onnx import helper, numpy_helper
    except ImportError:
        raise ConfigError(
            "writing ONNX needs the package onnx, which is not installed", hint="run `pip install 'activessl[onnx]'`"
        ) from None
    return helper, numpy_helper
