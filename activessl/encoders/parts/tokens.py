"""Tokens of texts with their places: words, numbers, single signs, and single characters of scripts without spaces."""

from __future__ import annotations

import re

import numpy as np
from jaxtyping import Int

#: Thai, Lao, Khmer and Burmese, kana, and Han: no spaces between words.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)

_MARKS = "\u0300-\u036f\u0900-\u0903\u093a-\u094f\u0982\u0983\u09bc-\u09cd\u0a01-\u0a03\u0a3c-\u0a4d\u0b82\u0bbe-\u0bcd"
_TOKEN = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}](?:[^\W_{_UNSPACED}]|[{_MARKS}])*|[^\s]")


def token_places(text: str) -> Int[np.ndarray, "p 2"]:
    """Start and end of each token in code points; spaces are in none. A text without any is one token.

    Example:
        >>> [["It's 5 €, 東京"[a:b] for a, b in token_places("It's 5 €, 東京")]]
        [['It', "'", 's', '5', '€', ',', '東', '京']]
    """
    places = [found.span() for found in _TOKEN.finditer(text)]
    return np.array(places or [(0, max(1, len(text)))], dtype=np.int64)
