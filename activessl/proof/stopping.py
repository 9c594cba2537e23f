"""Whether a project should stop, by the limits of its config and what is proven of it."""

from __future__ import annotations

from activessl.measuring.intervals import look_of, lowest_share
from activessl.measuring.planning.stopping import Limits, Verdict, apply_limits
from activessl.measuring.quality.audit import FEWEST
from activessl.project.snapshot import Snapshot
from activessl.proof.estimates import Evidence
from activessl.proof.forecast import Forecast


def stop_now(snapshot: Snapshot, evidence: Evidence) -> Verdict:
    """Whether the project should stop, by the limits of its config."""
    config, history = snapshot.project.config, snapshot.history
    newest = [r.taught[-1] for r in history.rounds if r.taught]
    # what takes heads that have to be taught is measured only where a limit asks for it, and kept
    low = None if config.stop.accuracy is None else _accuracy_low(evidence)
    forecast = Forecast(evidence)
    pays = None if forecast.worth is None else forecast.worth.pays
    evidence.keep()
    return apply_limits(
        Limits(
            accuracy=config.stop.accuracy,
            kappa=config.stop.stable_kappa or None,
            labels=config.stop.labels,
            hours=config.stop.hours,
            rounds=config.stop.rounds,
        ),
        # after another encode, agreement with heads that saw other vectors means nothing
        kappas=[t.kappa for t in newest if history.encoded and t.fingerprint == history.encoded.fingerprint],
        accuracy_low=low,
        labels=len(history.labels),
        hours=None if config.stop.hours is None or forecast.time is None else forecast.time.hours,
        rounds=len(newest),
        left=None if history.encoded is None else int(snapshot.free.sum()),
        pays=pays,
    )


def _accuracy_low(evidence: Evidence) -> float | None:
    """A lower bound of the accuracy that holds for all rounds of a project together; None where it was not measured.

    On test data where there are some, else on the random share: the better of two bounds would be a lucky one.
    """
    history = evidence.snapshot.history
    tested = [t for r in history.rounds for t in r.taught[-1:] if t.accuracy is not None and t.test_items]
    if tested and tested[-1] is history.taught:
        # each round's head is another one, and may be lucky with these items
        count, items = round((tested[-1].accuracy or 0.0) * (tested[-1].test_items or 0)), tested[-1].test_items or 0
        return lowest_share(count, items, len(tested))
    audit = evidence.audit
    if audit is None:
        return None
    # of all that were drawn, also where those from before the last items came are left out: looks are never forgotten
    look = look_of(len(history.drawn & history.labels.keys()), FEWEST)
    return lowest_share(audit.accuracy * audit.effective, audit.effective, look)
