"""Overlaps and counts of regions against pycocotools and seqeval, where they are installed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from activessl.labels.regions.matching import EXACT, Counts, counted
from activessl.labels.regions.overlap import iou
from activessl.labels.regions.places import Box, Mask, Span
from activessl.labels.regions.region import Region


def test_the_overlap_of_boxes_and_of_masks_is_that_of_pycocotools() -> None:
    coco: Any = pytest.importorskip("pycocotools.mask")
    rng = np.random.default_rng(0)
    boxes = np.concatenate([rng.uniform(0, 30, (20, 2)), rng.uniform(1, 30, (20, 2))], axis=1)
    ours = [[iou(Box(*a), Box(*b)) for b in boxes] for a in boxes]
    assert np.allclose(ours, coco.iou(boxes, boxes, [0] * 20))

    masks = rng.random((8, 17, 23)) < rng.random((8, 1, 1))
    theirs = [coco.encode(np.asfortranarray(mask.astype(np.uint8))) for mask in masks]
    ours = [[iou(Mask.of(a), Mask.of(b)) for b in masks] for a in masks]
    assert np.allclose(ours, coco.iou(theirs, theirs, [0] * 8))


def test_matches_of_boxes_are_those_of_the_evaluation_of_pycocotools() -> None:
    pytest.importorskip("pycocotools.coco")
    from pycocotools.coco import COCO  # pyright: ignore[reportMissingImports]
    from pycocotools.cocoeval import COCOeval  # pyright: ignore[reportMissingImports]

    rng = np.random.default_rng(1)
    true = [Box(*rng.uniform(0, 60, 2), *rng.uniform(10, 30, 2)) for _ in range(30)]
    guess = [Box(b.x + rng.normal() * 4, b.y + rng.normal() * 4, b.width, b.height) for b in true + true[:9]]
    scores = rng.random(len(guess))
    truth = COCO()
    truth.dataset = {
        "images": [{"id": 1, "height": 99, "width": 99}],
        "categories": [{"id": 1, "name": "a"}],
        "annotations": [
            {"id": i + 1, "image_id": 1, "category_id": 1, "bbox": [b.x, b.y, b.width, b.height], "area": b.extent,
             "iscrowd": 0} for i, b in enumerate(true)
        ],
    }  # fmt: skip
    truth.createIndex()
    found = truth.loadRes(
        [{"image_id": 1, "category_id": 1, "bbox": [b.x, b.y, b.width, b.height], "score": float(s)}
         for b, s in zip(guess, scores, strict=True)]
    )  # fmt: skip
    judged = COCOeval(truth, found, "bbox")
    judged.params.iouThrs = np.array([0.5])
    judged.evaluate()
    matched = int((judged.evalImgs[0]["dtMatches"] > 0).sum())
    ours = counted(
        [Region(box, ("a",)) for box in true],
        [Region(box, ("a",), float(score)) for box, score in zip(guess, scores, strict=True)],
    )
    assert ours == Counts(matched, len(guess), len(true))


def test_exact_spans_are_counted_as_in_seqeval() -> None:
    metrics: Any = pytest.importorskip("seqeval.metrics")
    from activessl.labels.regions.files.tags import spans_of

    rng = np.random.default_rng(2)
    true, guess = ([[str(rng.choice(["O", "B-a", "I-a", "B-b"])) for _ in range(12)] for _ in range(40)] for _ in "ab")
    guess = [
        [t if rng.random() < 0.7 else g for t, g in zip(*pair, strict=True)] for pair in zip(true, guess, strict=True)
    ]

    def regions(tags: list[str]) -> list[Region]:
        return [Region(Span(start, end), (name,)) for start, end, name in spans_of(tags)]

    total = sum(
        (counted(regions(t), regions(g), overlap=EXACT) for t, g in zip(true, guess, strict=True)), Counts(0, 0, 0)
    )
    assert total.f1 == pytest.approx(metrics.f1_score(true, guess))
    assert total.recall == pytest.approx(metrics.recall_score(true, guess))
