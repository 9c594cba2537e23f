"""``activessl report``: the curve, the hours, the savings."""

from __future__ import annotations

from activessl_cli.options import HERE, JsonOption, ProjectOption


def report(project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """Write the report as one HTML file, and print it as text."""
    raise NotImplementedError
