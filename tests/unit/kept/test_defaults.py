"""Defaults and named limits, which the measurements of docs/results were made with: none changes by accident."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import activessl

ROOT = Path(activessl.__file__).parent
ROOMS = (
    "measuring/planning",
    "measuring/quality",
    "measuring/simulation",
    "strategies",
    "heads",
    "encoders/training",
    "tuning",
)


def names(room: str) -> list[str]:
    """The modules of a room."""
    files = sorted((ROOT / room).rglob("*.py"))
    return [".".join(("activessl", *f.relative_to(ROOT).with_suffix("").parts)) for f in files if f.stem != "__init__"]


def plain(value: Any) -> bool:
    """Whether a value is written the same everywhere: a number, a text, or several of them."""
    if isinstance(value, tuple):
        return all(map(plain, value))
    return isinstance(value, bool | int | float | str) or value is None


def defaults(module: ModuleType) -> dict[str, Any]:
    """The public constants of a module, and the defaults of its functions and methods."""
    found: dict[str, Any] = {}
    for name, value in vars(module).items():
        if name.isupper() and not name.startswith("_") and plain(value):
            found[name] = repr(value)
        if getattr(value, "__module__", "") != module.__name__ or not callable(value):
            continue
        methods = vars(value).values() if inspect.isclass(value) else [value]
        for function in filter(inspect.isfunction, methods):
            for parameter in inspect.signature(function).parameters.values():
                if parameter.default is not parameter.empty and plain(parameter.default):
                    found[f"{function.__qualname__}({parameter.name})"] = repr(parameter.default)
    return found


@pytest.mark.parametrize("room", ROOMS)
def test_a_default_is_the_one_that_was_kept(room: str, kept: Callable[..., None]) -> None:
    kept({name: found for name in names(room) if (found := defaults(import_module(name)))})


def test_class_settings_of_heads_are_those_that_were_kept(kept: Callable[..., None]) -> None:
    from activessl.heads import similarity

    kinds = (similarity.PrototypeHead, similarity.NeighbourHead)
    kept([{n: v for n, v in vars(kind).items() if plain(v) and not n.startswith("_")} for kind in kinds])
    assert np.isfinite(kinds[0].usual)
