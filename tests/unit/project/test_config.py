"""The config file, checked before it is believed."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activessl.errors import ConfigError
from activessl.project.config import check_config
from activessl.project.config_file import read_config, write_config

GOOD: dict[str, Any] = {"data": {"path": "images", "modality": "image", "classes": ["cat", "dog"]}}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"data": {**GOOD["data"], "classes": ["cat"]}}, "needs at least 2"),
        ({"data": {**GOOD["data"], "classes": ["cat", "cat"]}}, "'cat' is listed twice"),
        ({"data": {**GOOD["data"], "modality": "smell"}}, "data.modality"),
        ({**GOOD, "query": {"size": 0}}, "query.size"),
        ({**GOOD, "query": {"random_share": 1.5}}, "query.random_share"),
        ({**GOOD, "encoder": {"adapt_minutes": 5}}, "adapt_minutes without a model"),
        ({**GOOD, "quary": {"size": 5}}, "quary"),
        ({**GOOD, "rates": {"per_hour": 30.0}}, "set rates.currency"),
        ({}, "data"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(change: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        check_config(change)


def test_a_file_that_is_not_toml_is_refused_with_the_line(tmp_path: Path) -> None:
    (tmp_path / "activessl.toml").write_text("[data\n")
    with pytest.raises(ConfigError, match="line 1"):
        read_config(tmp_path / "activessl.toml")


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="activessl init"):
        read_config(tmp_path / "activessl.toml")


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20).filter(lambda s: s.strip() == s),
        min_size=2,
        max_size=4,
        unique=True,
    ),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20),
)
def test_what_is_written_reads_back_the_same(classes: list[str], path: str) -> None:
    config = check_config({"data": {"path": path, "modality": "image", "classes": classes}, "seed": 3})
    assert check_config(tomllib.loads(write_config(config))) == config


def test_not_to_stop_for_stable_predictions_can_be_written_down() -> None:
    config = check_config({**GOOD, "stop": {"stable_kappa": False, "labels": 50}})
    assert check_config(tomllib.loads(write_config(config))) == config


def test_minutes_for_adapting_and_a_precision_are_written_and_read_again(tmp_path: Path) -> None:
    given = check_config(
        {**GOOD, "encoder": {"model": "facebook/dinov2-small", "adapt_minutes": 5, "precision": "float32"}}
    )
    (tmp_path / "activessl.toml").write_text(write_config(given))
    assert read_config(tmp_path / "activessl.toml") == given
