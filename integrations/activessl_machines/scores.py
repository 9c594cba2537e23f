"""From an answer of a chat server to a share for each class. Pure: no prose is interpreted."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

#: Characters around a class name that are no part of it.
_AROUND = re.compile(r"^[\s\"'`*.:(\[]+|[\s\"'`*.:)\]!,]+$")


def wording(classes: Sequence[str]) -> tuple[str, ...]:
    """What stands for each class in the question: its name, or a number where names begin alike.

    Only the first token of an answer is scored. Names that begin with the same two characters may share it, so they
    would not be told apart. Single digits and letters are one token each.

    Example:
        >>> wording(["Sports", "World"]), wording(["dent", "dent deep", "good"])
        (('Sports', 'World'), ('1', '2', '3'))
    """
    begins = [name.strip().casefold()[:2] for name in classes]
    if len(set(begins)) == len(classes):
        return tuple(name.strip() for name in classes)
    signs = "123456789" if len(classes) <= 9 else "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    return tuple(signs[i] if i < len(signs) else str(i + 1) for i in range(len(classes)))


def by_first_token(top: Sequence[Mapping[str, Any]], words: Sequence[str]) -> list[float] | None:
    """Probability of each word, from the probabilities of the first token.

    Args:
        top: The likeliest tokens, with ``token`` and ``logprob``, as a server gave them: it can hold anything.
        words: What stands for each class.

    Returns:
        None if no token is one of the words, or begins exactly one of them with two letters or more.

    Example:
        >>> by_first_token([{"token": " Sp", "logprob": 0.0}, {"token": "World", "logprob": -1.0}], ["Sports", "World"])
        [1.0, 0.36787944117144233]
        >>> by_first_token([{"token": "S", "logprob": -0.1}], ["Sports", "World"]) is None
        True
    """
    out = [0.0] * len(words)
    alike = [word.casefold() for word in words]
    cased = len(set(alike)) < len(words)  # letters above Z: upper and lower case differ
    lowest = 1.0
    for one in top:
        token, logprob = one.get("token"), one.get("logprob")
        if not isinstance(token, str) or isinstance(logprob, bool) or not isinstance(logprob, int | float):
            continue
        # compared first: an integer of hundreds of digits is no float
        share = 1.0 if logprob >= 0 else math.exp(max(logprob, -1000))
        if logprob != logprob or logprob == math.inf:
            share = 0.0
        piece = token.strip().strip("\u2581\u0120")
        lowest = min(lowest, share) if share > 0 else lowest
        if not piece or share <= 0:
            continue
        piece, starts = (piece, list(words)) if cased else (piece.casefold(), alike)
        # one letter of a longer word is likely for other reasons: a headline on tennis is no Technology
        fits = [i for i, word in enumerate(starts) if word == piece or (len(piece) > 1 and word.startswith(piece))]
        if len(fits) == 1:
            out[fits[0]] += share
    if not any(out):
        return None
    # a word below the listed tokens is less likely than the last of them
    return [share if share > 0 else lowest / 2 for share in out]


def by_text(text: Any, words: Sequence[str]) -> int | None:
    """The class that an answer names, if it is that name and nothing else.

    Example:
        >>> by_text(' "dent deep". ', ["dent", "dent deep"]), by_text("It is a dent", ["dent", "dent deep"])
        (1, None)
    """
    if not isinstance(text, str):
        return None
    plain = _AROUND.sub("", _AROUND.sub("", text)).casefold()
    found = [i for i, word in enumerate(words) if word.casefold() == plain]
    return found[0] if len(found) == 1 else None
