"""Compare results with those that were kept, number by number, and keep new ones.

A kept result is not the proof that a figure is right: the tests beside each module are. It is the alarm for a figure
that changes while nobody means to change it, such as a default, a weight or a bound. Where a change is meant, run the
tests with ``ACTIVESSL_KEEP=1`` and read the difference before it is committed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, is_dataclass
from typing import Any

import numpy as np
import pytest


def plain(value: Any) -> Any:
    """A result as JSON values; floats with seven digits, infinity and NaN as text."""
    if is_dataclass(value) and not isinstance(value, type):
        value = value.to_dict() if hasattr(value, "to_dict") else asdict(value)
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, set | frozenset):
        value = sorted(value)
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, float):
        return float(f"{value:.7g}") if np.isfinite(value) else str(value)
    return value


def differences(now: Any, kept: Any, loose: float, where: str = "") -> list[str]:
    """Where two results differ by more than the share ``loose``."""
    if isinstance(now, dict) and isinstance(kept, dict) and now.keys() == kept.keys():
        return [told for name in kept for told in differences(now[name], kept[name], loose, f"{where}.{name}")]
    if isinstance(now, list) and isinstance(kept, list) and len(now) == len(kept):
        pairs = enumerate(zip(now, kept, strict=True))
        return [told for i, (a, b) in pairs for told in differences(a, b, loose, f"{where}[{i}]")]
    if isinstance(now, float) or isinstance(kept, float):
        numbers = isinstance(now, int | float) and isinstance(kept, int | float)
        same = numbers and abs(now - kept) <= loose * abs(kept) + 0.02 * loose
    else:
        same = type(now) is type(kept) and now == kept
    return [] if same else [f"{where}: {now!r}, kept is {kept!r}"]


@pytest.fixture
def kept(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Fails if a test's result is not the one that was kept under the name of the test."""
    file = request.path.with_suffix(".json")
    name = request.node.name.partition("[")[2].rstrip("]") or request.node.name

    def check(result: Any, loose: float = 1e-4) -> None:
        known = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        if os.environ.get("ACTIVESSL_KEEP") == "1":
            known[name] = plain(result)
            lines = [f"{json.dumps(one)}: {json.dumps(known[one])}" for one in sorted(known)]
            file.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
            return
        found = differences(plain(result), known.get(name), loose)
        if found:
            pytest.fail("\n".join([f"{name}: {len(found)} figures differ from {file.name}", *found[:8]]), pytrace=False)

    return check
