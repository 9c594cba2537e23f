"""The verbs that a project of regions does not have, and what people do instead. Needs no numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from activessl.errors import ProjectError

if TYPE_CHECKING:
    from activessl.project.folder import Project

__all__ = ["INSTEAD", "of_regions", "only_classes"]

#: Each of these verbs, and what to do instead: one imperative that can succeed.
INSTEAD = {
    "accept": "export the model's regions of all other items with `activessl export FILE.json --what all`",
    "encode --compare": "compare on data whose regions you know: activessl simulate DATA --encoder NAME",
    "explain": "run `activessl report`, which draws the model's regions beside people's",
    "export card": "run `activessl report`, which has the model's figures",
    "export mlflow": "write the figures with `activessl report --json`, and log that file",
    "finetune": "ask about more items: activessl query",
    "gate": "read recall and precision in `activessl report`",
    "machines": "remove the machines, and ask people: activessl query",
    "plan": "run `activessl report`, which has the seconds of an item and of a region",
    "query --again": "run `activessl report`, which lists labels that look wrong",
    "query --balance": "name the items yourself: activessl query --items LIST",
    "query --confirm": "run `activessl query` without --confirm",
    "review": "run `activessl report`, which tells on how many items people differ",
    "roi": "run `activessl report`, which has the cost of labeling where rates.per_hour and rates.currency are set",
    "slices": "read the quality of each class in `activessl report`",
    "train-annotators": "set annotator.per_item to 2 in activessl.toml, and read where people differ in the report",
    "update": "run `activessl teach`: the newest model is the one in use",
}


def only_classes(project: Project, verb: str) -> None:
    """Refuse a verb of projects of classes in a project of regions.

    Raises:
        ProjectError: It is one.
    """
    task = project.own.data.task
    if project.own.data.drawing is not None:
        raise ProjectError(f"a project of {task} has no `activessl {verb}`", hint=INSTEAD[verb])


def of_regions(task: str) -> ProjectError:
    """The error of a part of activessl that knows classes of whole items only."""
    return ProjectError(
        f"the project asks for {task}, and this needs classes of whole items",
        hint="run `activessl status` to see what a project of regions has",
    )
