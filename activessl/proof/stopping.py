"""The decision whether a project should stop, by the limits of its config and its measured figures."""

from __future__ import annotations

from activessl.measuring.anytime import lower_bound, retested_bounds
from activessl.measuring.planning.stopping import Limits, Verdict, apply_limits
from activessl.measuring.planning.times import labeling_hours
from activessl.project.snapshot import Snapshot
from activessl.proof.estimates import Evidence
from activessl.proof.forecast import Forecast
from activessl.proof.measured import accuracy_on_test_data


def stop_now(snapshot: Snapshot, evidence: Evidence) -> Verdict:
    """Decide whether the project should stop, by the limits of its config."""
    config, history = snapshot.project.config, snapshot.history
    newest = [r.taught[-1] for r in history.rounds if r.taught]
    # figures that need heads to be taught are measured only if a limit needs them, and are kept
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
        # agreement is valid only between heads on the same vectors, not across an encode
        kappas=[t.kappa for t in newest if history.encoded and t.fingerprint == history.encoded.fingerprint],
        accuracy_low=low,
        labels=len(history.labels),
        hours=None if config.stop.hours is None else labeling_hours(history.answers.values()),
        rounds=len(newest),
        left=None if history.encoded is None else int(snapshot.free.sum()),
        pays=pays,
    )


def _accuracy_low(evidence: Evidence) -> float | None:
    """Return a lower bound of the accuracy that holds over all rounds of a project; None where it is not measured.

    On test data if there are some, else on random labels: taking the better of two bounds would bias the bound.
    """
    history = evidence.snapshot.history
    tested = accuracy_on_test_data(history)
    if tested is not None:
        # one test for each round: each head is another one
        tests = sum(bool(t.test_items) for r in history.rounds for t in r.taught)
        return retested_bounds(tested.right, tested.items, tests)[0]
    audit = evidence.audit
    if audit is None:
        return None
    return lower_bound(audit.least * audit.effective, audit.effective)
