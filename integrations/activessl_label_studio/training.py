"""Training rounds: a project of their own, in which each person answers every item, in order and without suggestions.

Its answers never become labels: nothing but the training reads that project.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from activessl.annotators.base import Asked, Note, Pushed, Suggestion
from activessl.errors import AnnotatorError
from activessl.labels.answers import Answer
from activessl.pool.pool import Pool
from activessl_label_studio.client import Client
from activessl_label_studio.labels import Control, build_config, read_config
from activessl_label_studio.mapping import project_name, to_task
from activessl_label_studio.media import place
from activessl_label_studio.project import find_tasks, look_up, names_of, shown_sizes
from activessl_label_studio.pull import class_reader, pull_answers
from activessl_label_studio.push import heal, import_tasks
from activessl_label_studio.shape import row
from activessl_label_studio.tabs import all_tasks, labeling_address

if TYPE_CHECKING:
    from activessl_label_studio.annotator import LabelStudioConfig

__all__ = ["TrainingAnnotator", "training_title"]

#: So many people may answer each task.
_EVERYBODY = 1_000

_INSTRUCTIONS = (
    "<p>Training: label these items as you would label others. Their answers are known. When you have answered all of "
    "them, tell the engineer: you see your mistakes, and a second part follows.</p>"
)


def training_title(title: str, number: int) -> str:
    """Return the title of the project of a training round; Label Studio allows 50 characters.

    Example:
        >>> training_title("scratches", 1), len(training_title("x" * 50, 12))
        ('scratches (training 1)', 50)
    """
    mark = f" (training {number})"
    return f"{title[: 50 - len(mark)]}{mark}"


@dataclass
class TrainingAnnotator:
    """Asks everybody about the items of a training round.

    Args:
        client: The connection.
        config: The server, and the project that people are trained for.
        number: The number of the training round.
    """

    client: Client
    config: LabelStudioConfig
    number: int

    def __post_init__(self) -> None:
        self.notes: list[Note] = []

    @property
    def title(self) -> str:
        """The title of its project."""
        return training_title(self.config.title, self.number)

    def push(
        self,
        pool: Pool,
        asked: Asked,
        suggestions: Sequence[Suggestion],  # noqa: ARG002 - a training shows none
        *,
        model: str,  # noqa: ARG002
    ) -> Pushed:
        """Import the items that are not there yet, in order.

        Raises:
            AnnotatorError: The server cannot be reached, refuses, did not take all tasks, or its label config lacks a
                class.
        """
        project, control = self._project(pool)
        number = int(project["id"])
        known = heal(self.client, find_tasks(self.client, project, asked.ids))
        missing = [question for question in asked.questions if question.id not in known]
        config = self.config
        rows = [pool.row(question.item) for question in missing]
        shown = place(self.client, number, pool, rows, mode=config.media, document_root=config.document_root)
        tasks = [to_task(question, one, control.key) for question, one in zip(missing, shown, strict=True)]
        made = import_tasks(self.client, project, tasks, 2.0)
        numbers = {question: int(task["id"]) for question, task in known.items()} | made
        tab = None
        with suppress(AnnotatorError):
            tab = all_tasks(self.client, number)
        return Pushed(
            tasks={question: str(numbers[question]) for question in asked.ids},
            new=len(made),
            suggestions=0,
            where=labeling_address(self.client.url, number, tab),
            project=str(number),
            made=str(project.get("created_at") or ""),
        )

    def pull(self, since: str | None = None) -> tuple[list[Answer], str]:
        """Return all answers, oldest first, and a watermark."""
        project = look_up(self.client, None, None, self.title, {})
        if project is None:
            return [], ""
        control = read_config(str(project.get("label_config") or "")).called(self.config.naming)
        read = class_reader(control, project=project_name(project), people=names_of(self.client))
        pulled = pull_answers(self.client, project, read, since, known={})
        self.notes = pulled.notes
        return pulled.answers, pulled.watermark

    def _project(self, pool: Pool) -> tuple[dict[str, Any], Control]:
        config = self.config
        project = look_up(self.client, None, None, self.title, {})
        if project is None:
            channels, side = shown_sizes(pool)
            body = {
                "title": self.title,
                "label_config": build_config(
                    config.classes,
                    config.modality,
                    label_kind=config.label_kind,
                    channels=channels,
                    side=side,
                    hint=False,
                ),
                "sampling": "Sequential sampling",
                "show_collab_predictions": False,
                "enable_empty_annotation": config.label_kind.independent,
                "maximum_annotations": _EVERYBODY,
                "expert_instruction": _INSTRUCTIONS,
                "show_instruction": True,
            }
            project = row(self.client.post("/api/projects/", body), "a new project")
        control = read_config(str(project.get("label_config") or "")).called(config.naming)
        missing = [name for name in config.classes if name not in control.classes]
        if missing:
            raise AnnotatorError(
                f"the training project {project['id']} lacks {', '.join(missing)}",
                hint="begin another training round with --anew",
            )
        return project, control
