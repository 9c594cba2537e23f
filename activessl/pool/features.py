"""What Hugging Face datasets writes into a parquet file about its columns."""

from __future__ import annotations

import json
from typing import Any, NamedTuple


class Feature(NamedTuple):
    """The type of a column, or of the values in its lists.

    Attributes:
        kind: "Image", "Audio", "ClassLabel", "Value" and so on.
        names: The class names by number, of a ClassLabel.
    """

    kind: str
    names: tuple[str, ...] = ()


def features_of(metadata: dict[bytes, bytes] | None) -> dict[str, Feature]:
    """Read the features in the metadata of an Arrow schema; none where another program wrote the file.

    Example:
        >>> note = b'{"info": {"features": {"label": {"names": ["good", "bad"], "_type": "ClassLabel"}}}}'
        >>> features_of({b"huggingface": note})
        {'label': Feature(kind='ClassLabel', names=('good', 'bad'))}
        >>> features_of(None)
        {}
    """
    try:
        told = json.loads((metadata or {})[b"huggingface"])["info"]["features"]
        return {str(name): _feature(value) for name, value in told.items()}
    except (KeyError, ValueError, TypeError, AttributeError):
        return {}


def _feature(told: Any) -> Feature:
    if isinstance(told, list):  # a list of one type is how versions before 4 write some sequences
        return _feature(told[0]) if len(told) == 1 else Feature("")
    kind = str(told.get("_type", ""))
    if kind in ("Sequence", "List", "LargeList"):
        return _feature(told["feature"])
    return Feature(kind, tuple(map(str, told.get("names") or ())) if kind == "ClassLabel" else ())
