"""What else the model considers, as a line that people see above the choices: "model: scratch 61 %, or dent 27 %".

The line is a part of the prediction, as the text of a tag that our label configs have for it. So it costs no request,
is another one as soon as a new model's predictions are switched in, and a blind item has none. Task data know nothing
of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from activessl.annotators.base import Suggestion
from activessl_label_studio.labels import Control

__all__ = ["hint_text", "to_hint"]

#: From this probability on the pre-selected class speaks for itself.
_NEARLY_CERTAIN = 0.9

#: A class that is less likely than this is not worth reading.
_UNLIKELY = 0.05

#: So many classes are read at a glance.
_NAMED = 3


def hint_text(classes: Sequence[str], probs: Sequence[float]) -> str:
    """The line; empty where the first class is nearly certain, or nothing else is likely.

    Args:
        classes: By falling probability, the pre-selected one first.
        probs: Their probabilities, in [0, 1].

    Example:
        >>> hint_text(["scratch", "dent", "stain"], [0.61, 0.27, 0.08])
        'model: scratch 61 %, or dent 27 %, or stain 8 %'
        >>> hint_text(["scratch", "dent"], [0.93, 0.07])
        ''
    """
    likely = [(name, p) for name, p in zip(classes, probs, strict=True) if p >= _UNLIKELY][:_NAMED]
    if len(likely) < 2 or likely[0][1] >= _NEARLY_CERTAIN:
        return ""
    return "model: " + ", or ".join(f"{name} {100 * p:.0f} %" for name, p in likely)


def to_hint(suggestion: Suggestion | None, control: Control) -> list[dict[str, Any]]:
    """The line as a part of a prediction's result; nothing of a blind item, nor where the label config has no place.

    Args:
        suggestion: What the head thinks of the item.
        control: The tag that classifies. Where it takes several classes, they are no alternatives to each other.
    """
    if suggestion is None or suggestion.blind or control.hint is None or control.label_kind.independent:
        return []
    # what was taken out of the label config cannot be chosen
    known = [(name, p) for name, p in zip(suggestion.classes, suggestion.probs, strict=True) if name in control.classes]
    said = hint_text([name for name, _ in known], [p for _, p in known])
    if not said:
        return []
    name, to_name = control.hint
    return [{"from_name": name, "to_name": to_name, "type": "textarea", "value": {"text": [said]}}]
