"""The ``Annotator`` that asks people in Label Studio."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from activessl.annotators.base import Asked, Note, Offer, Pushed, RegionSuggestion, Suggestion
from activessl.errors import AnnotatorError
from activessl.labels.answers import Answer
from activessl.labels.changes import Naming
from activessl.labels.kinds import LabelKind
from activessl.labels.one_class import ONE
from activessl.pool.pool import Modality, Pool
from activessl_label_studio.client import Client, connect
from activessl_label_studio.clusters import find_clusters, open_clusters, push_clusters, to_cluster_answers
from activessl_label_studio.labels import Control
from activessl_label_studio.mapping import project_name
from activessl_label_studio.media import MediaMode
from activessl_label_studio.predictions import ClassPredictions, Sending
from activessl_label_studio.project import names_of, open_project, shown_sizes
from activessl_label_studio.pull import Pulled, Reader, class_reader, join_marks, pull_answers, split_mark
from activessl_label_studio.push import push_round
from activessl_label_studio.regions.answers import region_reader
from activessl_label_studio.regions.extents import extent_in_pool
from activessl_label_studio.regions.opening import find_any, open_region_project
from activessl_label_studio.regions.predictions import RegionPredictions
from activessl_label_studio.regions.tags import RegionControl
from activessl_label_studio.tabs import Tabs, all_tasks, keep_tabs, labeling_address
from activessl_label_studio.training import TrainingAnnotator

__all__ = ["LabelStudioAnnotator", "LabelStudioConfig"]


@dataclass(frozen=True, slots=True)
class LabelStudioConfig:
    """The server, the project, the classes, and how items are shown.

    Attributes:
        url: The server's address.
        token: A personal access token or a legacy token; left out of ``repr``.
        title: The project's title, 3 to 50 characters; the first push makes a project of that title.
        classes: The classes that people choose from.
        modality: The form of data.
        project: The project's number; None to find it by its title.
        made: When the project of that number was made, by the server's clock; None if no earlier push says it. It tells
            the project from another one of the same number, on a server that was set up again.
        label_kind: How many classes an item may have.
        media: How items are shown: "auto", "inline", "local" or "upload".
        document_root: The folder that the server may serve files from, for media "local".
        control: The name of the tag with the answers, if the label config has several.
        instructions: Shown to the annotators before they start; HTML.
        clusters: The number of the project with clusters, if an earlier push made one.
        clusters_made: When the project with clusters was made.
        tabs: The tabs of the Data Manager that a push makes: "round", "annotator", "both" or "none". With "annotator"
            and "none" there is also one with all tasks, in which people label.
        offer: The classes of the project at the last push or pull, if they are known.
        naming: The changes of the classes: results keep the names of their time.
        task: What people give: "classes" of items, or the "boxes", "masks", "spans" or "segments" that they draw.
    """

    url: str
    token: str = field(repr=False)
    title: str
    classes: tuple[str, ...]
    modality: Modality = "image"
    project: int | None = None
    made: str | None = None
    label_kind: LabelKind = ONE
    media: MediaMode = "auto"
    document_root: Path | None = None
    control: str | None = None
    instructions: str = ""
    clusters: int | None = None
    clusters_made: str | None = None
    tabs: Tabs = "none"
    offer: Offer | None = None
    naming: Naming = field(default_factory=Naming)
    task: str = "classes"


class LabelStudioAnnotator:
    """Answers queries by asking people in Label Studio. Connects at the first push or pull.

    Args:
        config: The server and the project.
        known: Returns the answers that count so far by their source, such as those of the ledger. Label Studio keeps no
            record of deletions, so a deleted answer is found only by comparison. This object adds the answers that it
            has pulled itself.
        known_pool: Returns the pool: the sizes of items whose tasks activessl did not make are looked up in it.
        known_clusters: Returns the number of the project with clusters, and when it was made, like ``clusters`` and
            ``clusters_made`` of the config. Called at each pull until there is one, as another process may make it.
    """

    def __init__(
        self,
        config: LabelStudioConfig,
        *,
        known: Callable[[], Mapping[str, Answer]] | None = None,
        known_clusters: Callable[[], tuple[int | None, str | None]] | None = None,
        known_pool: Callable[[], Pool] | None = None,
    ) -> None:
        self.config = config
        self.notes: list[Note] = []
        self._known_before, self._known_clusters, self._known_pool = known, known_clusters, known_pool
        self._met: dict[str, int] = {}
        self._seen: dict[str, Answer] = {}
        self._client: Client | None = None
        self._clusters = (config.clusters, config.clusters_made)
        self._offer: Offer | None = None
        self._offered = config.offer

    def __repr__(self) -> str:
        return f"LabelStudioAnnotator({self.config.url!r}, title={self.config.title!r})"

    @property
    def client(self) -> Client:
        """The connection, opened at the first use."""
        if self._client is None:
            self._client = connect(self.config.url, self.config.token)
        return self._client

    @property
    def offer(self) -> Offer | None:
        """The classes of the label config at the last push or pull."""
        return self._offer

    def project(self, channels: int = 1, side: int | None = None) -> tuple[dict[str, Any], Control]:
        """Return the project and the tag that classifies its tasks. Makes the project if there is none, corrects its
        settings, and reads both again each round, because people change them."""
        more = self._as_told(channels, side)
        return open_project(self.client, label_kind=self.config.label_kind, **more)

    def region_project(self, pool: Pool) -> tuple[dict[str, Any], RegionControl]:
        """Return the project and the tag that draws, like ``project``.

        Raises:
            ConfigError: The label config cannot be used, or the project asks for classes.
        """
        return open_region_project(self.client, task=self.config.task, **self._as_told(*shown_sizes(pool)))

    def _as_told(self, channels: int, side: int | None) -> dict[str, Any]:
        """What opening a project needs to know, whatever people give."""
        config = self.config
        return {
            "number": config.project,
            "made": config.made,
            "title": config.title,
            "classes": config.classes,
            "modality": config.modality,
            "channels": channels,
            "side": side,
            "control": config.control,
            "instructions": config.instructions,
            "offer": self._offered,
            "naming": config.naming,
        }

    @property
    def projects(self) -> tuple[int, ...]:
        """The numbers of the projects that this object has used: for single items and for clusters."""
        return tuple(self._met.values())

    def find(self, *, counts: bool = True) -> tuple[dict[str, Any], Control | RegionControl]:
        """Return the project and the tag like ``project``, without making or changing anything.

        Args:
            counts: Whether to read the numbers of tasks, too.

        Raises:
            AnnotatorError: There is no project yet.
        """
        config = self.config
        return find_any(
            self.client,
            task=config.task,
            number=config.project,
            made=config.made,
            title=config.title,
            control=config.control,
            naming=config.naming,
            counts=counts,
        )

    def push(self, pool: Pool, asked: Asked, suggestions: Sequence[Suggestion], *, model: str) -> Pushed:
        """Send questions to the annotators, the most informative item first. Repeating it changes nothing.

        Raises:
            AnnotatorError: The server cannot be reached, refuses, did not take all tasks, or keeps another order.
            ConfigError: The label config of the project cannot be used.
        """
        self._check(pool, model)
        if self.config.task != "classes":
            raise AnnotatorError(
                f"the project asks for {self.config.task}, not for classes", hint="push regions with push_regions"
            )
        project, control = self.project(*shown_sizes(pool))
        suggested = {s.question: s for s in suggestions}
        return self._push(project, control, ClassPredictions(control, suggested, model), pool, asked, model)

    def push_regions(self, pool: Pool, asked: Asked, suggestions: Sequence[RegionSuggestion], *, model: str) -> Pushed:
        """Send questions about regions to people, the most informative item first. Repeating it changes nothing.

        Raises:
            AnnotatorError: The server cannot be reached, refuses, did not take all tasks, or keeps another order; or
                a browser would not show a suggested region as it is meant.
            ConfigError: The label config of the project cannot be used.
        """
        self._check(pool, model)
        project, control = self.region_project(pool)
        suggested = {s.question: s for s in suggestions}
        sent = RegionPredictions(control, suggested, model, lambda item: extent_in_pool(pool, pool.row(item)))
        return self._push(project, control, sent, pool, asked, model)

    def _push(
        self,
        project: dict[str, Any],
        control: Control | RegionControl,
        sent: Sending,
        pool: Pool,
        asked: Asked,
        model: str,
    ) -> Pushed:
        self._look_at(project, control)
        pushed = push_round(
            self.client,
            project,
            sent,
            pool,
            asked,
            model=model,
            media=self.config.media,
            document_root=self.config.document_root,
        )
        tabs = self.config.tabs
        # a missing tab is no error: the next push makes it
        with suppress(AnnotatorError):
            people = names_of(self.client) if tabs in ("annotator", "both") else {}
            tab = keep_tabs(self.client, int(project["id"]), asked.round, people, tabs)
            pushed = replace(pushed, where=labeling_address(self.client.url, int(project["id"]), tab))
        return pushed

    def push_clusters(self, pool: Pool, asked: Asked, *, model: str) -> Pushed:
        """Send clusters of alike items to the annotators, in a project of their own.

        Raises:
            AnnotatorError: The server cannot be reached, refuses, did not take all tasks, or cannot show such items.
        """
        self._check(pool, model)
        config, (number, made) = self.config, self._clusters
        project = open_clusters(self.client, number=number, made=made, title=config.title, modality=config.modality)
        self._clusters = (int(project["id"]), str(project.get("created_at") or "") or None)
        self._met["clusters"] = int(project["id"])
        beside = int(self.find(counts=False)[0]["id"])
        pushed = push_clusters(
            self.client, project, pool, asked, beside=beside, media=config.media, document_root=config.document_root
        )
        with suppress(AnnotatorError):  # as in push
            tab = all_tasks(self.client, int(project["id"]))
            pushed = replace(pushed, where=labeling_address(self.client.url, int(project["id"]), tab))
        return pushed

    def training(self, number: int) -> TrainingAnnotator:
        """Return the annotator of a training round, in a project of its own.

        Args:
            number: The number of the training round, from 1.
        """
        return TrainingAnnotator(self.client, self.config, number)

    def _look_at(self, project: Mapping[str, Any], control: Control | RegionControl) -> None:
        """Store the present classes and all earlier ones: a class that people removed is not added again."""
        self._met["single"] = int(project["id"])
        self._offer = offer = Offer(project_name(project), control.classes)
        before = self._offered
        ever = before.classes if before is not None and before.project == offer.project else ()
        self._offered = Offer(offer.project, tuple(dict.fromkeys((*ever, *offer.classes))))

    def _check(self, pool: Pool, model: str) -> None:
        if not model or model == "undefined":
            raise AnnotatorError(
                f"{model!r} is no model version", hint="name the version of the model, such as 'round-3'"
            )
        if pool.modality != self.config.modality:
            raise AnnotatorError(
                f"the pool has {pool.modality} items, the project {self.config.modality}",
                hint="set data.modality in activessl.toml to that of the pool",
            )

    def pull(self, since: str | None = None) -> tuple[list[Answer], str]:
        """Return all answers after a watermark, oldest first, and the next watermark. Answers may repeat.

        ``notes`` has a note on each unusual answer afterwards.

        Raises:
            AnnotatorError: The server cannot be reached, or the watermark is not valid.
        """
        project, control = self.find(counts=False)
        self._look_at(project, control)
        known = dict(self._known_before()) if self._known_before else {}
        known |= self._seen
        people, (mark, clusters_mark) = names_of(self.client), split_mark(since)

        pulled = pull_answers(self.client, project, self._reader(project, control, people), mark, known=known)
        answers, self.notes, after = pulled.answers, pulled.notes, pulled.watermark
        clusters = self._pull_clusters(clusters_mark, known, people)
        if clusters is not None:
            answers = sorted([*answers, *clusters.answers], key=lambda answer: answer.at)
            self.notes, after = [*self.notes, *clusters.notes], join_marks(after, clusters.watermark)
        elif clusters_mark is not None:
            after = join_marks(after, clusters_mark)
        for answer in answers:
            if answer.kind == "delete":
                self._seen.pop(answer.source, None)
            else:
                self._seen[answer.source] = answer
        return answers, after

    def _reader(
        self, project: Mapping[str, Any], control: Control | RegionControl, people: Mapping[int, str]
    ) -> Reader:
        """Return what reads an annotation of the project."""
        name = project_name(project)
        if isinstance(control, RegionControl):
            return region_reader(control, project=name, people=people, pool=self._known_pool)
        # activessl.toml says how many classes an answer may have: people may have changed the label config
        of = replace(control, label_kind=self.config.label_kind)
        return class_reader(of, project=name, people=people)

    def _pull_clusters(
        self, since: str | None, known: Mapping[str, Answer], people: Mapping[int, str]
    ) -> Pulled | None:
        """Return the answers about clusters; None if there is no project with clusters."""
        if self._clusters[0] is None and self._known_clusters is not None:
            self._clusters = self._known_clusters()
        number, made = self._clusters
        if number is None:
            return None
        project = find_clusters(self.client, number=number, made=made, title=self.config.title)
        if project is None:
            self._met.pop("clusters", None)
            return None
        self._met["clusters"] = int(project["id"])
        name = project_name(project)

        def read(annotation: Mapping[str, Any], task: Mapping[str, Any]) -> tuple[list[Answer], list[Note]]:
            answers, note = to_cluster_answers(annotation, task, project=name, people=people)
            return answers, [note] if note else []

        return pull_answers(self.client, project, read, since, known=known)
