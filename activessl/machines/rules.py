"""A machine of keyword rules for texts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from activessl.arguments import listed
from activessl.errors import ConfigError
from activessl.ledger.schema import Said
from activessl.machines.base import Setting, batches, said_of, version_of
from activessl.pool.pool import Pool


@dataclass(frozen=True)
class Rules:
    """Words that speak for a class. An item gets the share of the words of each class that it has; none without any.

    Words are plain text, not regular expressions: a text can then not keep the machine busy for hours.
    """

    version: str
    patterns: tuple[re.Pattern[str] | None, ...]

    def ask(self, pool: Pool, items: Iterable[str]) -> Iterator[list[Said]]:
        """Count the words of each class in each text."""
        for part in batches(items):
            out = []
            for item in part:
                text = str(pool.read(pool.row(item)))
                hits = [0 if p is None else len({found.casefold() for found in p.findall(text)}) for p in self.patterns]
                out.append(said_of(item, np.array(hits, dtype=float), "no rule fits"))
            yield out


def rules_of(setting: Setting) -> Rules:
    """Make a machine from the lists of words in its section.

    Raises:
        ConfigError: The project has no texts, there are no rules, or a rule is of no class.
    """
    rules: dict[str, tuple[str, ...]] = {}
    for written, words in setting.needed("rules").items():
        name = setting.now(written)  # activessl.toml may have the names of before a change of the classes
        if name not in setting.classes:
            raise ConfigError(
                f"machines.{setting.name}.rules has {written!r}, which is no class of the project",
                hint=f"use names of classes: {listed(setting.classes, 5)}",
            )
        rules[name] = (*rules.get(name, ()), *words)
    setting.only("text")
    patterns = tuple(_pattern(rules.get(name, ())) for name in setting.classes)
    return Rules(version_of("rules", setting.classes, sorted(rules.items())), patterns)


def _pattern(words: Sequence[str]) -> re.Pattern[str] | None:
    """One alternative of escaped words, the longest first: linear in the text."""
    if not words:
        return None
    parts = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    # a border of a word only where the word itself ends with a letter: "50%" has none at its end
    return re.compile(rf"(?<!\w)(?:{parts})(?!\w)", re.IGNORECASE)
