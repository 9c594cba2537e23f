from __future__ import annotations

from activessl_cli.files import as_csv


def test_formulas_are_made_harmless_and_numbers_are_left_alone() -> None:
    cells = ["=1+1", "@x", "-1", "+2.5", "-1-1", "- item", "a"]
    said = as_csv([{"class": cell} for cell in cells]).splitlines()[1:]
    assert said == ["'=1+1", "'@x", "-1", "+2.5", "'-1-1", "'- item", "a"]
