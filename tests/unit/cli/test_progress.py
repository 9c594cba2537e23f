from __future__ import annotations

import pytest

from activessl.pool.progress import Progress
from activessl_cli import render


def test_what_is_said_before_and_why_training_ended_reach_a_reader_without_a_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with render.progress("encode") as on_progress:
        on_progress(Progress("plan", 0, 0, note="patches: 400 centroids"))
        figures = {"effective_rank": 20.52, "neighbour_agreement": 0.5}
        on_progress(Progress("train", 50, 50, loss=0.5, health=figures, note="no better 5 times on end"))
    assert capsys.readouterr().err.splitlines() == [
        "encode: patches: 400 centroids",
        "encode: train 100 % loss 0.500, effective rank 20.5, neighbor agreement 0.5, no better 5 times on end",
    ]
