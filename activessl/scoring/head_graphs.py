"""Smoothing with the pool, novelty and the head as ONNX nodes."""

from __future__ import annotations

import numpy as np

from activessl.encoders.compute.graph import Graph
from activessl.errors import HeadError
from activessl.geometry.smoothing import NEIGHBOURS
from activessl.heads.base import Head
from activessl.heads.linear import LogisticHead
from activessl.heads.mixture import AutoHead
from activessl.heads.multilabel import MultiLabelHead
from activessl.heads.similarity import NeighbourHead, PrototypeHead
from activessl.scoring.model import WITHOUT, Model


def write_place(graph: Graph, model: Model, vectors: str) -> tuple[str, str]:
    """Add the nodes of ``Model.place``; return the names of the smoothed vectors (b, d) and of the novelty (b,)."""
    base, memories, centres, scales = model.pool.parts
    k = min(NEIGHBOURS, len(base))
    v = graph.unit(graph.add("Sub", vectors, model.mean))

    # the nearest items, by squared distances of unit vectors
    kept = graph.constant(np.asarray(base))
    whole = graph.floats(kept) if base.dtype == np.float16 else kept
    length = np.einsum("ij,ij->i", base, base, dtype=np.float32)
    product = graph.add("MatMul", v, graph.add("Transpose", whole, perm=[1, 0]))
    square = graph.add("Sub", length, graph.add("Mul", product, np.float32(2)))
    square = graph.add("Add", square, graph.add("ReduceSumSquare", v, axes=[-1]))
    nearest, at = graph.add("TopK", square, np.array([k], dtype=np.int64), outputs=2, axis=-1, largest=0)
    distance = graph.add("Sqrt", graph.add("Max", nearest, np.float32(0)))
    reach = graph.add("Gather", distance, np.array([k - 1], dtype=np.int64), axis=1)  # (b, 1)

    # near items weigh more, relative to the distance of the farthest
    ratio = graph.add("Div", distance, graph.add("Max", reach, np.float32(1e-6)))
    weight = graph.add("Exp", graph.add("Mul", graph.add("Mul", ratio, ratio), np.float32(-4)))
    weight = graph.add("Div", weight, graph.add("ReduceSum", weight, np.array([-1], dtype=np.int64), keepdims=1))
    weight = graph.add("Unsqueeze", weight, np.array([1], dtype=np.int64))  # (b, 1, k)

    parts = []
    for steps, centre in zip(scales, centres, strict=True):
        moved = graph.add("Mul", v, np.float32(0.5**steps))
        if steps:
            memory = graph.constant(np.asarray(memories[steps])) if steps > 1 else kept
            there = graph.floats(graph.add("Gather", memory, at, axis=0))  # (b, k, d)
            taken = graph.add("Squeeze", graph.add("MatMul", weight, there), np.array([1], dtype=np.int64))
            moved = graph.add("Add", moved, graph.add("Mul", taken, np.float32(1.0 if steps > 1 else 0.5)))
        parts.append(graph.unit(graph.add("Sub", moved, np.asarray(centre))))
    points = graph.unit(graph.add("Sum", *parts))

    farther = graph.floats(graph.add("Greater", graph.add("Sub", reach, np.float32(1e-6)), model.reach))
    return points, str(graph.add("ReduceMean", farther, axes=[-1], keepdims=0))


def write_head(graph: Graph, head: Head, points: str, name: str) -> str:
    """Add the nodes of a head; return the name of the probabilities (b, k).

    Raises:
        HeadError: This head cannot be written as ONNX.
    """
    match head:
        case LogisticHead():
            scaled = graph.unit(graph.add("Sub", points, head.centre_))
            logits = graph.add(
                "Add", graph.add("MatMul", scaled, head.coef_[head.seen_].T), head.intercept_[head.seen_]
            )
        case PrototypeHead():
            scaled = graph.unit(graph.add("Sub", points, head.centre_))
            logits = graph.add("MatMul", scaled, head.sharpness_ * head.points_.T)
        case NeighbourHead():
            logits = _votes(graph, head, graph.unit(graph.add("Sub", points, head.centre_)))
        case AutoHead():
            parts = [
                graph.add("Mul", write_head(graph, member, points, part), np.float32(head.weights_[part]))
                for part, member in head.members_.items()
            ]
            return str(graph.add("Sum", *parts))
        case MultiLabelHead():
            each = [
                graph.add("Gather", write_head(graph, one, points, name), np.array([1], dtype=np.int64), axis=1)
                for one in head.heads_
            ]
            return str(graph.add("Concat", *each, axis=1))
        case _:
            raise HeadError(f"the head {name!r} cannot be written as ONNX", hint=WITHOUT)
    probs = graph.add("Softmax", logits, axis=-1)

    # classes without labels share the remaining probability
    seen, k = np.flatnonzero(head.seen_), len(head.classes_)
    unseen = np.where(head.seen_, 0.0, head.novelty_ / max(k - len(seen), 1))
    return str(graph.add("Add", graph.add("MatMul", probs, np.eye(k)[seen] * (1 - head.novelty_)), unseen))


def _votes(graph: Graph, head: NeighbourHead, scaled: str) -> str:
    count = np.bincount(head.of_)
    cosine = graph.add("MatMul", scaled, head.points_.T)
    voters = np.array([head.voters(len(head.points_))], dtype=np.int64)
    near, at = graph.add("TopK", cosine, voters, outputs=2, axis=-1)
    weight = graph.add("Exp", graph.add("Mul", graph.add("Sub", near, np.float32(1)), np.float32(head.fall)))
    weight = graph.add("Unsqueeze", weight, np.array([1], dtype=np.int64))  # (b, 1, voters)
    classes = graph.add("Gather", np.eye(len(count))[head.of_], at, axis=0)  # (b, voters, k)
    votes = graph.add("Squeeze", graph.add("MatMul", weight, classes), np.array([1], dtype=np.int64))
    total = graph.add("Add", votes, head.share * count / len(head.of_))
    return str(graph.add("Mul", graph.add("Log", total), np.float32(head.sharpness_)))
