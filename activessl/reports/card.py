"""The card of a model and its data: for those who use the model, and those who answer for it.

Its parts follow Mitchell et al., Model Cards for Model Reporting (2019, arXiv 1810.03993) and Gebru et al., Datasheets
for Datasets (2018, arXiv 1803.09010), as far as a ledger knows them. What only people know is left to be filled in.
"""

from __future__ import annotations

import json
import platform
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from activessl.ledger.draws import draws_of
from activessl.measuring.planning.times import labeling_times
from activessl.project.folder import writing
from activessl.project.snapshot import Snapshot, no_labels
from activessl.proof.agreement import agreement_of
from activessl.proof.machines import machine_figures
from activessl.proof.promise import promise_text
from activessl.reports.gather import project_report
from activessl.reports.sections.slices import Slices
from activessl.reports.wording import gate_line, percent, reliability_text
from activessl.sealed import write_atomic

__all__ = ["Card", "project_card"]

#: What the ledger cannot know, in the order of the card.
ASKED = (
    "the purpose of the model, and for what it must not be used",
    "where the items come from, and whether their people agreed",
    "who is affected by a wrong prediction, and how",
    "who is responsible, and how to reach that person",
)

#: Packages whose versions change figures.
_PACKAGES = ("activessl", "torch", "numpy", "scikit-learn", "faiss-cpu")


@dataclass(frozen=True)
class Card:
    """A model and data card.

    Attributes:
        title: Of the project.
        model: What predicts: encoder, head, classes, fingerprints.
        data: The items: form, number, digest of the list, what was left out.
        labels: Who gave the labels, how many, how long it took, and how far people agree.
        machines: What machines answered, whose answers are no labels: kind, answers, verdict, and if the head heeds it.
        choice: How the labeled items were chosen.
        quality: Accuracy, calibration, classes and, where they were measured, slices, with intervals.
        not_measured: Figures that a reader may expect and that are not measured.
        decisions: Decisions of the gates, oldest first.
        versions: Packages, and the ledger's number of events.
    """

    title: str
    made_at: str
    model: Mapping[str, Any]
    data: Mapping[str, Any]
    labels: Mapping[str, Any]
    machines: Mapping[str, Mapping[str, Any]]
    choice: Mapping[str, Any]
    quality: Mapping[str, Any]
    not_measured: tuple[str, ...]
    decisions: tuple[Mapping[str, Any], ...]
    versions: Mapping[str, Any]
    said: Mapping[str, tuple[str, ...]]  # the sentences of the card, by its headings

    def to_dict(self) -> dict[str, Any]:
        """Return all of it, ready for JSON; null where a figure does not exist."""
        names = (
            "title",
            "made_at",
            "model",
            "data",
            "labels",
            "machines",
            "choice",
            "quality",
            "decisions",
            "versions",
        )
        told = {name: getattr(self, name) for name in (*names, "versions")}
        return {"format": 1} | told | {"not_measured": list(self.not_measured), "to_fill_in": list(ASKED)}

    def to_markdown(self) -> str:
        """Return the card as Markdown; text from the data is escaped."""
        lines = [f"# {_plain(self.title)}: model and data card", "", f"Made on {self.made_at[:10]} by activessl."]
        for heading, sentences in self.said.items():
            lines += ["", f"## {heading}", ""]
            lines += [
                sentence if sentence.startswith("|") or not sentence else f"- {sentence}" for sentence in sentences
            ]
        lines += ["", "## To be filled in", "", "The ledger does not know:", "", *(f"- {one}: …" for one in ASKED)]
        return "\n".join(lines) + "\n"

    def save(self, folder: Path) -> tuple[Path, Path]:
        """Write ``card.md`` and ``card.json`` into a folder, and return their paths.

        Raises:
            ProjectError: The folder cannot be written.
        """
        page, figures = folder / "card.md", folder / "card.json"
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            write_atomic(page, self.to_markdown().encode())
            told = json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False, indent=1)
            write_atomic(figures, (told + "\n").encode())
        return page, figures


def project_card(snapshot: Snapshot) -> Card:
    """Make the card of a project's newest model.

    Raises:
        LabelError: There is no model yet.
    """
    history, config = snapshot.history, snapshot.project.config
    if history.taught is None or history.encoded is None:
        raise no_labels(history)
    report = project_report(snapshot)
    told = report.to_dict()
    model, data, labels, choice = _model(snapshot), _data(snapshot), _labels(snapshot), _choice(snapshot)
    machines = {one.name: one.to_dict(config.data.classes) for one in machine_figures(snapshot)}
    quality = {
        name: told.get(name) for name in ("accuracy", "test", "calibration", "classes", "classes_from", "slices")
    }
    versions: dict[str, Any] = {name: version(name) for name in _PACKAGES} | {"python": platform.python_version()}
    versions |= {"events in the ledger": history.events}
    decisions = tuple(decision.model_dump(exclude={"kind", "format"}) for decision in history.decisions)
    accuracy = [
        f"{name}: {figure.to_text().removeprefix('accuracy ')}"
        for name, figure in (("on the pool", report.accuracy), ("on test data", report.tested))
        if figure is not None
    ]
    said = {
        "Model": (
            f"encoder {_plain(model['encoder'])} (fingerprint {model['encoder_fingerprint']}), head {model['head']}, "
            f"version {model['version']}",
            f"classes: {', '.join(map(_plain, model['classes']))}"
            + ("; an item may have several" if model["multi_label"] else ""),
            *(
                (f"the encoder was fine-tuned on {model['fine_tuned_on']:,} of the labels",)
                if model["fine_tuned_on"]
                else ()
            ),
            *(f"encoder, {_plain(name)}: {_plain(text)}" for name, text in model["encoder_provenance"].items()),
            f"digest of the labels: {model['labels_digest']}",
        ),
        "Data": tuple(_data_said(data)),
        "Labels": tuple(_labels_said(labels, history.people)),
        **({"Machines": tuple(_machines_said(machines))} if machines else {}),
        "Choice of the labeled items": (
            f"{choice['rounds']:,} rounds; {choice['random']:,} items were drawn at random, to measure",
            *(f"{_plain(name)}: {count:,} questions" for name, count in choice["strategies"].items()),
        ),
        "Accuracy": (*(accuracy or ["not measured: too few random labels, and no test data"]), "", *_classes(told)),
        **({"Slices": slices} if (slices := tuple(_slices(report.section(Slices)))) else {}),
        "Not measured": report.not_measured,
        "Decisions": tuple(_plain(gate_line(decision)) for decision in history.decisions) or ("none",),
        "Versions": tuple(f"{name} {number}" for name, number in versions.items()),
    }
    return Card(
        title=config.annotator.title,
        made_at=report.made_at.isoformat(),
        model=model,
        data=data,
        labels=labels,
        machines=machines,
        choice=choice,
        quality=quality,
        not_measured=report.not_measured,
        decisions=decisions,
        versions=versions,
        said=said,
    )


def _model(snapshot: Snapshot) -> dict[str, Any]:
    history, config = snapshot.history, snapshot.project.config
    assert history.taught is not None and history.encoded is not None
    provenance = snapshot.embeddings.provenance.get("encoder") or {}
    simple = {str(name): value for name, value in provenance.items() if isinstance(value, str | int | float | bool)}
    return {
        "version": history.model,
        "encoder": history.encoded.encoder,
        "encoder_fingerprint": history.encoded.fingerprint,
        "encoder_provenance": simple,
        "head": history.taught.head,
        "classes": list(config.data.classes),
        "multi_label": config.data.multi_label,
        "fine_tuned_on": None if history.tuned is None else len(history.tuned.taught),
        "labels_digest": history.taught.digest,
        "up_to_date": not history.untaught,
    }


def _data(snapshot: Snapshot) -> dict[str, Any]:
    history, config = snapshot.history, snapshot.project.config
    assert history.encoded is not None
    erased = Counter(one.what for one in history.erased)
    return {
        "form": config.data.modality,
        "items": history.encoded.items,
        "listing_digest": history.encoded.listed,
        "missing_now": len(history.missing),
        "left_with_labels": len(history.labels.keys() - snapshot.row.keys()),
        "groups": None if config.data.group is None else int(snapshot.groups.max(initial=-1)) + 1,
        "test_data": config.data.test is not None,
        "forgotten_items": erased["item"],
        "forgotten_annotators": erased["annotator"],
    }


def _labels(snapshot: Snapshot) -> dict[str, Any]:
    history = snapshot.history
    seconds: dict[str, float] = {}
    for timed in labeling_times(history.answers.values()):
        seconds[timed.answer.annotator] = seconds.get(timed.answer.annotator, 0.0) + timed.seconds
    given = Counter(a.annotator for a in history.answers.values() if a.kind == "label")
    at = sorted(a.at for a in history.answers.values() if a.kind == "label")
    agreed = agreement_of(history)
    imported = sum(all(a.imported for a in label.answers) for label in history.labels.values())
    return {
        "by_people": len(history.labels),
        "of_these_imported": imported,
        "of_these_only_in_clusters": len(history.only_confirmed),
        "by_the_model": len(history.machine),
        "promise": promise_text(history) or None,
        "skipped": len(history.skipped),
        "asked_again": len(history.reopened),
        "agreement": None if agreed is None else agreed.figures.to_dict() | {"text": agreed.to_text()},
        "by_class": dict(Counter(c for label in history.labels.values() for c in label.classes)),
        "first": at[0].date().isoformat() if at else None,
        "last": at[-1].date().isoformat() if at else None,
        "annotators": [
            {
                "name": name,
                "labels": count,
                "hours": round(seconds[name] / 3600, 2) if name in seconds else None,
                "reliability": history.people[name].reliability if name in history.people else None,
                "compared": history.people[name].compared if name in history.people else None,
            }
            for name, count in given.most_common()
        ],
    }


def _choice(snapshot: Snapshot) -> dict[str, Any]:
    history = snapshot.history
    asked = Counter[str]()
    for r in history.rounds:
        asked[r.queried.strategy] += len(r.questions)
    config = snapshot.project.config
    return {
        "rounds": len(history.rounds),
        "strategies": dict(asked),
        "random": len(draws_of(history)),
        "suggestions_on_random_items": not config.annotator.blind_random,
        "seed": config.seed,
    }


def _data_said(data: Mapping[str, Any]) -> Iterable[str]:
    yield f"{data['items']:,} items, form {data['form']}; digest of the list: {data['listing_digest']}"
    if data["groups"] is not None:
        yield f"{data['groups']:,} groups of items, which are never split"
    if data["left_with_labels"]:
        yield f"{data['left_with_labels']:,} labeled items are no longer in the data: the model was not taught them"
    if data["missing_now"]:
        yield f"{data['missing_now']:,} items were missing when the data were last read"
    for what in ("items", "annotators"):
        if data[f"forgotten_{what}"]:
            yield f"{data[f'forgotten_{what}']:,} {what} were forgotten on request"


def _labels_said(labels: Mapping[str, Any], people: Mapping[str, Any]) -> Iterable[str]:
    imported = f", {labels['of_these_imported']:,} of them imported" if labels["of_these_imported"] else ""
    yield f"{labels['by_people']:,} items labeled by people{imported}; {labels['skipped']:,} skipped"
    if labels["of_these_only_in_clusters"]:
        yield f"{labels['of_these_only_in_clusters']:,} of them were seen only in a cluster of similar items"
    yield (
        f"labels accepted from the model: {labels['promise']}"
        if labels["promise"]
        else f"{labels['by_the_model']:,} labels by the model"
    )
    if labels["asked_again"]:
        yield f"{labels['asked_again']:,} items are asked about again, because their class was split"
    if labels["first"]:
        yield f"from {labels['first']} to {labels['last']}"
    if labels["agreement"] is not None:
        yield f"agreement: {labels['agreement']['text']}"
    for one in labels["annotators"]:
        hours = "" if one["hours"] is None else f", {one['hours']:.1f} hours"
        known = f", estimated reliability {reliability_text(people[one['name']])}" if one["name"] in people else ""
        yield f"{_plain(one['name'])}: {one['labels']:,} labels{hours}{known}"


def _machines_said(machines: Mapping[str, Mapping[str, Any]]) -> Iterable[str]:
    yield "what machines answer is no label; the head heeds a machine only where people's labels show that this helps"
    for name, one in machines.items():
        heeded = "heeded by the head" if one["heeded"] else "not heeded by the head"
        asked = f"{_plain(name)}, kind {_plain(one['kind'])}: {one['answered']:,} answers"
        yield f"{asked}, {heeded}; {_plain(one['verdict'])}"


def _slices(section: Slices) -> Iterable[str]:
    """What was found, the promise of the test, and the rows of a table: accuracy of each slice where it is known."""
    if section.report is None or not section.columns:
        return
    none = (
        "no slice is worse than chance explains"
        if section.report.tested
        else "no slice was tested: too few random labels"
    )
    yield from map(_plain, section.found or [none])
    yield from [_plain(section.rate)] if section.report.tested else []
    rows = [(name, one) for name, slices, _ in section.columns for one in slices]
    yield from ("", "| slice | items | labels | accuracy (90 % interval) |", "| --- | ---: | ---: | --- |")
    for name, one in rows:
        told = "not measured"
        if one.accuracy is not None and one.low is not None and one.high is not None:
            told = f"{percent(one.accuracy)} ({percent(one.low)} to {percent(one.high)})"
        yield f"| {_plain(name)} {_plain(one.slice)} | {one.items:,} | {one.labels:,} | {told} |"


def _classes(told: Mapping[str, Any]) -> Iterable[str]:
    """The rows of a table: labels, recall and precision of each class."""
    rows = told.get("classes") or []
    if not rows:
        return
    yield "| class | labels | recall (90 % interval) | precision (90 % interval) |"
    yield "| --- | ---: | --- | --- |"
    for row in rows:
        quality = row["quality"] or {}
        shares = (_share(quality.get(name)) for name in ("recall", "precision"))
        yield f"| {_plain(row['name'])} | {row['labels']:,} | {' | '.join(shares)} |"


def _share(share: Mapping[str, Any] | None) -> str:
    if share is None:
        return "not measured"
    return f"{percent(share['share'])} ({percent(share['low'])} to {percent(share['high'])}), {share['items']:,} items"


def _plain(text: object) -> str:
    """Text from the data in Markdown: on one line, without effect.

    Example:
        >>> _plain("<b>a|b</b>\\n# c")
        '&lt;b>a\\\\|b&lt;/b> \\\\# c'
    """
    one = " ".join(str(text).split()).replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"([\\`*_{}\[\]|#!])", r"\\\1", one)
