"""Texts with spans as tokens with tags."""

from __future__ import annotations

import re
from itertools import pairwise

from activessl.errors import ConfigError
from activessl.labels.regions.places import Span
from activessl.labels.regions.region import Regions

__all__ = ["tagged"]


def tagged(text: str, regions: Regions) -> list[tuple[str, str]]:
    """Split a text at spaces, and at the edges of its spans, and return each token with its tag.

    Raises:
        ConfigError: Two spans overlap, or a span has no class or several: a token has one tag.

    Example:
        >>> from activessl.labels.regions.region import Region
        >>> tagged("In New York.", (Region(Span(3, 11), ("place",)),))
        [('In', 'O'), ('New', 'B-place'), ('York', 'I-place'), ('.', 'O')]
    """
    spans = sorted(
        ((one.place.start, one.place.end, one.classes) for one in regions if isinstance(one.place, Span)),
        key=lambda span: span[:2],
    )
    at = 0
    for start, end, classes in spans:
        if start < at or len(classes) != 1:
            why = "overlap" if start < at else f"have {len(classes)} classes"
            raise ConfigError(
                f"tags cannot hold spans that {why}: {text[start:end][:40]!r}", hint="export a .json file instead"
            )
        at = end
    found: list[tuple[str, str]] = []
    edges = sorted({0, len(text), *(edge for start, end, _ in spans for edge in (start, end))})
    inside = {start: (end, classes[0]) for start, end, classes in spans}
    for first, last in pairwise(edges):
        _, name = inside.get(first, (0, ""))
        for number, token in enumerate(re.findall(r"\S+", text[first:last])):
            found.append((token, "O" if not name else f"{'I' if number else 'B'}-{name}"))
    return found
