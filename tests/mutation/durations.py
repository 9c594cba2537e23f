"""A plugin of pytest: write the seconds of each test that passes, with its fixtures, as JSON."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from pathlib import Path
from typing import Any

_seconds: dict[str, float] = defaultdict(float)
_failed: set[str] = set()


def pytest_runtest_logreport(report: Any) -> None:
    """Add a phase of a test."""
    _seconds[report.nodeid] += report.duration
    if report.outcome != "passed":
        _failed.add(report.nodeid)


def pytest_sessionfinish() -> None:
    """Write the file that DURATIONS names."""
    passed = {test: round(seconds, 3) for test, seconds in _seconds.items() if test not in _failed}
    Path(os.environ["DURATIONS"]).write_text(json.dumps(passed))
