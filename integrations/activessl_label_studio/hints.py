"""The most probable classes, as a line above the choices: "model: scratch 61 %, or dent 27 %".

The line is part of the prediction: the text of a tag in our label configs. So it costs no request, it changes with the
predictions of a new model, a blind question has none, and the data of the task do not contain it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from activessl.annotators.base import Suggestion
from activessl_label_studio.labels import Control

__all__ = ["hint_text", "to_hint"]

#: From this probability of the selected class on, no line is shown.
_NEARLY_CERTAIN = 0.9

#: Less probable classes are not shown.
_UNLIKELY = 0.05

#: The largest number of classes in the line.
_NAMED = 3


def hint_text(classes: Sequence[str], probs: Sequence[float]) -> str:
    """Return the line; empty if the first class is nearly certain, or no other class is probable.

    Args:
        classes: By falling probability, the suggestion first.
        probs: The probabilities of the classes, in [0, 1].

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
    """Return the line as a part of a prediction's result; empty where nothing is selected, or without a tag for it.

    Args:
        suggestion: The suggestion for the item.
        control: The tag that classifies. If it allows several classes, there is no line: they are no alternatives.
    """
    if suggestion is None or suggestion.blind or control.hint is None or control.label_kind.independent:
        return []
    if not suggestion.selected(control.classes):  # a line with classes leads people as a selected class does
        return []
    # people cannot choose a class that was removed from the label config
    known = [(name, p) for name, p in zip(suggestion.classes, suggestion.probs, strict=True) if name in control.classes]
    said = hint_text([name for name, _ in known], [p for _, p in known])
    if not said:
        return []
    name, to_name = control.hint
    return [{"from_name": name, "to_name": to_name, "type": "textarea", "value": {"text": [said]}}]
