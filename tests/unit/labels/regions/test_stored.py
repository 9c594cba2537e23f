"""Regions come back from the ledger as they were."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from activessl.errors import LabelError
from activessl.labels.answers import Answer
from activessl.labels.regions.places import Box, Mask, Segment, Span
from activessl.labels.regions.region import Region
from activessl.labels.regions.stored import read_stored, stored
from activessl.ledger.schema import EVENT, Answered

REGIONS = (
    Region(Box(1.5, 2, 3, 4, 90), ("dent",), 0.25, "a7", {"relations": [{"to": "b"}]}),
    Region(Mask.of(np.eye(3, dtype=bool)), ("dent", "scratch")),
    Region(Span(0, 7), ()),
    Region(Segment(0.5, 9, 1), ("rest",)),
    Region(Segment(3, 4), ("rest",)),
)


def test_regions_of_each_kind_come_back_from_an_event_as_they_were() -> None:
    answer = Answer(
        "k", "s", "i", "label", ("dent",), "a@b", 2.0, datetime(2026, 1, 2, tzinfo=UTC), regions=tuple(stored(REGIONS))
    )
    event = EVENT.validate_json(Answered(answer=answer).model_dump_json())
    assert isinstance(event, Answered) and event.answer.regions is not None
    assert read_stored(event.answer.regions) == REGIONS


def test_an_empty_answer_is_no_missing_one() -> None:
    at = datetime(2026, 1, 2, tzinfo=UTC)
    for regions in ((), None):
        answer = Answer("k", "s", "i", "label", (), "a@b", 2.0, at, regions=regions)
        event = EVENT.validate_json(Answered(answer=answer).model_dump_json())
        assert isinstance(event, Answered) and event.answer.regions == regions


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"kind": "cube", "classes": []},
        {"kind": "box", "x": 1, "classes": ["a"]},
        {"kind": "span", "start": "x", "end": 3, "classes": ["a"]},
        {"kind": "mask", "size": 3, "runs": [1], "classes": ["a"]},
        {"kind": "mask", "size": [1, 1], "runs": [2], "classes": ["a"]},
        {"kind": "span", "start": 0, "end": 3},
    ],
)
def test_what_is_no_region_is_refused(row: dict[str, Any]) -> None:
    with pytest.raises(LabelError):
        read_stored([row])
