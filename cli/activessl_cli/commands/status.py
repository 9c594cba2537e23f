"""``activessl status``: where a project stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from activessl_cli import render
from activessl_cli.options import HERE, JsonOption, ProjectOption

if TYPE_CHECKING:
    from activessl.ledger.history import History
    from activessl.project.folder import Project
    from activessl.proof.standing import Standing


def status(project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """Where the project stands, and what to run next."""
    from activessl.project.folder import Project
    from activessl.proof.confirmed import confirmed_count
    from activessl.proof.promise import promise_text
    from activessl.proof.standing import newer_text, tested_items, unsaid_text
    from activessl.reports.wording import classes_from, weakest_text

    opened = Project.open(project)
    history = opened.history()
    standing = _standing(opened, history)
    audit, live = standing.audit, standing.live
    by_class = dict(zip(opened.config.data.classes, standing.classes, strict=False))
    encoded, current, taught = history.encoded, history.open_round, history.taught
    waiting = sum(len(question.items) for question in history.waiting(current)) if current else 0
    seconds = sum(history.seconds.values())
    gone = f" ({standing.gone:,} of them of items that are gone)" if standing.gone else ""
    lines = [
        f"{opened.config.data.path}: {opened.config.data.modality}, {len(opened.config.data.classes)} classes",
        f"encoded: {encoded.items:,} items by {encoded.encoder} {encoded.fingerprint[:12]}"
        if encoded
        else "not encoded",
        f"rounds: {len(history.rounds)}" + (f", round {current.number} open, {waiting} waiting" if current else ""),
        f"labels: {len(history.labels):,} of items{gone}, {len(history.skipped)} skipped, "
        f"{render.duration(seconds)} of recorded human time",
    ]
    changed = [f"{name} joined" for name in history.choice.joined if name in history.classes]
    changed += [f"{name} was taken out" for name in sorted(history.choice.removed - set(history.classes))]
    if changed:
        lines.append(f"classes: {', '.join(changed)} in the label config")
    if history.tuned:
        lines.append(
            f"encoder: fine-tuned on {len(history.tuned.taught):,} labels, {100 * history.tuned.before:.1f} to "
            f"{100 * history.tuned.after:.1f} % on labels held back"
        )
    if history.quarantined:
        lines.append(f"set aside: {len(history.quarantined)} answers with classes that the project does not have")
    if history.missing:
        lines.append(f"missing: {len(history.missing):,} encoded items are not in the data any more")
    if taught:
        measured = f", accuracy {taught.accuracy:.3f} on test items" if taught.accuracy is not None else ""
        lines.append(f"model: {taught.labels:,} labels, round {taught.round}{measured}")
        lines.append("on the pool: " + (audit.to_text() if audit else "not measured, too few random labels yet"))
        newer = newer_text(history, standing.newer) if audit else ""
        if newer:
            lines.append(f"  {newer}")
        weak = weakest_text(list(by_class.items()))
        if weak:
            lines.append(f"by class: {weak} {classes_from(standing.classes, tested_items(history))}")
        lines.append("labels saved: " + (live.to_text() if live else f"not estimated, {unsaid_text(history)}"))
        if taught.suspects:
            lines.append(
                f"doubted: {taught.suspects} label{'s look' if taught.suspects > 1 else ' looks'} wrong: activessl "
                "report says which, activessl query --again 0.2 asks again"
            )
    if history.people:
        known = (f"{name} {p.reliability:.0%} of {p.compared:,}" for name, p in sorted(history.people.items()))
        lines.append(f"reliability: {', '.join(known)} answers that can be compared with others'")
    promise = promise_text(history)
    if promise:
        lines.append(f"by machine: {promise}")
    clusters = confirmed_count(history)
    if clusters:
        lines.append(f"in clusters: {clusters.to_text()}")
    if encoded is None:
        step = "activessl encode"
    elif current is None:
        step = "activessl query"
    elif not current.pushed:
        step = "activessl push"
    else:
        step = "label, then activessl pull" if waiting else "activessl teach"
    render.result(
        {
            "classes": opened.config.data.classes,
            "encoded": encoded,
            "tuned": history.tuned,
            "rounds": len(history.rounds),
            "open_round": current.number if current else None,
            "waiting": waiting,
            "labeled": len(history.labels),
            "skipped": len(history.skipped),
            "quarantined": len(history.quarantined),
            "missing": len(history.missing),
            "human_seconds": seconds,
            "taught": taught,
            "suspects": taught.suspects if taught else None,
            "people": history.people,
            "accuracy": audit,
            "by_class": {name: quality.to_dict() for name, quality in by_class.items()},
            "saved": live,
            "accepted": {"items": len(history.machine), "promise": promise or None},
            "clusters": clusters,
            "next": step,
        },
        "\n".join(lines),
        as_json=as_json,
    )
    render.following(step)


def _standing(project: Project, history: History) -> Standing:
    """How good the model is: as it was kept, which takes no time, or else measured now."""
    from activessl.proof.standing import kept_standing

    known = kept_standing(project, history)
    if known is not None:
        return known
    from activessl.project.snapshot import Snapshot  # it brings what takes vectors and heads to measure
    from activessl.proof.estimates import Evidence

    with render.progress("status") as on_progress:
        return Evidence(Snapshot(project, history, on_progress)).standing()
