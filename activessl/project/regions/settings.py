"""Which settings a project of regions can have. Needs no numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from activessl.project.config import Config

__all__ = ["DENSE", "unfit"]

#: The name of the head of regions.
DENSE = "dense"


def unfit(config: Config) -> str:
    """Return which setting does not fit the task, and what to do; empty if all fit."""
    task, drawn = config.data.task, config.data.drawing is not None
    if not drawn:
        return f'head.name "{DENSE}" is of regions: set head.name to "logistic"' if config.head.name == DENSE else ""
    of = f'with data.task "{task}"'
    odd = {
        f'head.name {config.head.name!r} predicts no regions: set head.name to "{DENSE}"': config.head.name != DENSE,
        f"data.multi_label has no meaning {of}: set it to false": config.data.multi_label,
        f"data.test cannot be used {of}: remove it; random items measure the model": config.data.test is not None,
        f"encoder.model cannot be used {of}: remove it": config.encoder.model is not None,
        f"encoder.also cannot be used {of}: remove it": bool(config.encoder.also),
        f'finetune.when cannot be used {of}: set it to "never"': config.finetune.when != "never",
        f"query.again cannot be used {of}: set it to 0": config.query.again != 0,
        f"query.balance cannot be used {of}: remove it": config.query.balance is not None,
        f"query.confirm cannot be used {of}: set it to false": bool(config.query.confirm),
        f"annotator.similar_together cannot be used {of}: set it to false": config.annotator.similar_together,
        f"stop.accuracy cannot be used {of}: use stop.labels or stop.hours": config.stop.accuracy is not None,
        f"stages cannot be used {of}: remove them": bool(config.stages),
        f"machines cannot be used {of}: remove them": bool(config.machines),
    }
    return next((why for why, is_so in odd.items() if is_so), "")
