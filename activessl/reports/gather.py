"""Gather the report of a project: figures, assumptions, and what is not measured."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version

from activessl.measuring.planning.hours import HoursSaved, HumanTime, Tax, hours_saved
from activessl.measuring.quality.anchoring import Anchoring
from activessl.measuring.quality.audit import Audit
from activessl.measuring.savings.live import LiveSavings
from activessl.measuring.savings.savings import Savings
from activessl.measuring.simulation.simulate import Simulation
from activessl.project.snapshot import Snapshot
from activessl.proof.measured import accuracy_on_test_data, unsaid_text
from activessl.proof.stopping import stop_now
from activessl.reports.pace import tax_of
from activessl.reports.report import Report
from activessl.reports.sections import Material, gather_sections
from activessl.reports.sections.hours import Hours
from activessl.reports.wording import percent


def project_report(
    snapshot: Snapshot, *, arm: Simulation | None = None, savings: Savings | None = None, method: str = ""
) -> Report:
    """Make the report of a project.

    Args:
        snapshot: The project at one moment.
        arm: A replay of random choice on the same embeddings, where the true classes of the pool are known.
        savings: The labels saved, from that replay.
        method: The method of the replay, in one or two sentences.
    """
    config, history = snapshot.project.config, snapshot.history
    material = Material.of(snapshot, arm)
    evidence, time = material.evidence, material.forecast.time
    audit, live, _ = evidence.audit, evidence.live, evidence.classes
    evidence.keep()
    tax = tax_of(snapshot)
    verdict = stop_now(snapshot, evidence)
    sections = gather_sections(material)
    followed = next(section.anchoring for section in sections if isinstance(section, Hours))
    return Report(
        title=config.annotator.title,
        made_at=datetime.now(UTC),
        items=len(snapshot.embeddings) if history.encoded else len(snapshot.project.pool()),
        classes=len(config.data.classes),
        labels=len(snapshot.training[0]) if history.encoded else len(history.labels),
        skipped=len(history.skipped),
        rounds=len(history.rounds),
        savings=savings,
        method=method,
        live=live,
        accuracy=audit,
        tested=accuracy_on_test_data(history),
        time=time,
        hours=_hours(savings, time, tax, config.rates.per_hour, config.rates.currency),
        per_hour=config.rates.per_hour,
        currency=config.rates.currency,
        verdict=verdict,
        sections=sections,
        assumptions=tuple(_assumptions(time, tax, None if savings else live)),
        not_measured=tuple(_not_measured(snapshot, arm, audit, live, evidence.newer_text, followed)),
        next_step="activessl export labels.csv" if verdict.stop else "activessl run",
        provenance={
            "activessl": version("activessl"),
            "encoder": "–" if history.encoded is None else f"{history.encoded.encoder} {history.encoded.fingerprint}",
            "fine-tuned": "–"
            if history.tuned is None
            else f"on {len(history.tuned.taught):,} labels, {history.tuned.why}",
            "head": config.head.name,
            "strategy": config.query.strategy,
            "random share": f"{config.query.random_share:.0%}",
            "seed": str(config.seed),
            "events in the ledger": f"{history.events:,}",
        },
    )


def _hours(
    savings: Savings | None, time: HumanTime | None, tax: Tax | None, per_hour: float | None, currency: str | None
) -> HoursSaved | None:
    if savings is None or time is None or savings.kind == "undefined":
        return None
    # most recorded times are of chosen items; the time of a random item is that without the tax
    seconds = time.per_label / (tax.ratio if tax is not None else 1.0)
    return hours_saved(savings, seconds, tax=1.0 if tax is None else tax, per_hour=per_hour, currency=currency)


def _assumptions(time: HumanTime | None, tax: Tax | None, live: LiveSavings | None) -> Iterator[str]:
    if live is not None:
        yield (
            f"the labels saved are an estimate from two sources: a prior ({live.prior}) and this project's "
            f"{live.random_labels} random labels; without the prior, the {percent(live.level)} interval of "
            f"the labels saved is {live.own_text()}"
        )
    if time is not None:
        yield "labeling times are recorded by the labeling tool; times far above the median of the same person are cut"
    if tax is None:
        yield "a chosen item takes as long as a random item: too few random items with a time to measure the difference"


def _not_measured(
    snapshot: Snapshot,
    arm: Simulation | None,
    audit: Audit | None,
    live: LiveSavings | None,
    newer: str,
    followed: Anchoring | None,
) -> Iterator[str]:
    if arm is None and live is None:
        yield f"the labels that random choice needs for the same accuracy: {unsaid_text(snapshot.history)}"
    elif arm is None:
        yield "the labels that random choice needs for the same accuracy: the figure in this report is an estimate"
    if audit is None:
        yield "the accuracy on the pool: too few random labels"
    elif newer:
        yield f"the accuracy on the whole pool: {newer}"
    if snapshot.history.taught is not None and followed is None:
        yield "anchoring (how often people follow the suggestion): too few blind items are labeled"
    if snapshot.project.config.data.test is None:
        yield "the accuracy on test data: activessl.toml sets no data.test"
    yield "the time for setup, for training of annotators and for waiting"
