"""Hours and money so far, and a forecast of accuracy and cost with more labels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from activessl.errors import MeasureError
from activessl.measuring.planning.hours import HumanTime, human_time, usable_seconds
from activessl.measuring.planning.plan import Plan, Price, check_target, make_plan
from activessl.measuring.planning.roi import Roi, return_on_investment
from activessl.measuring.planning.worth import Worth, next_hour
from activessl.measuring.quality.audit import FEWEST
from activessl.project.snapshot import Snapshot
from activessl.proof.estimates import Evidence


@dataclass(frozen=True)
class Forecast:
    """Hours, money and forecast of a project, each computed at first use.

    Args:
        evidence: The measured figures of the model.
    """

    evidence: Evidence

    @property
    def snapshot(self) -> Snapshot:
        """The project at one moment."""
        return self.evidence.snapshot

    @property
    def _within_reach(self) -> int:
        """Items that were or can be asked about in single questions."""
        return len(self.snapshot.embeddings) - len(self.snapshot.training[0]) + len(self.evidence.single)

    @cached_property
    def time(self) -> HumanTime | None:
        """Labeling time; None where no times are recorded."""
        try:
            rng = np.random.default_rng([self.snapshot.project.config.seed, 2])
            return human_time(self.snapshot.history.answers.values(), rng=rng)
        except MeasureError:
            return None

    @property
    def price(self) -> Price:
        """The prices of the config."""
        rates = self.snapshot.project.config.rates
        return Price(rates.per_hour, rates.currency, rates.per_point)

    def plan(self, target: float) -> Plan:
        """Plan the labels, hours and money to a target accuracy.

        Raises:
            MeasureError: Too few random labels, or a target outside (0, 1).
        """
        check_target(target)  # before heads are taught, which takes time
        return make_plan(
            self.evidence.curve,
            target,
            labels=len(self.evidence.single),
            pool=len(self.snapshot.embeddings) - len(self.snapshot.training[0]) + len(self.evidence.single),
            random_labels=len(self.evidence.random.at),
            time=self.time,
            price=self.price,
            worth=self.worth,
            rng=np.random.default_rng([self.snapshot.project.config.seed, 7]),
        )

    @cached_property
    def worth(self) -> Worth | None:
        """Whether the next hour of labeling costs less than the added accuracy is worth; None without rates in the
        config, recorded times or a taught head."""
        rates = self.snapshot.project.config.rates
        if rates.per_hour is None or rates.per_point is None or self.time is None or self.snapshot.probs is None:
            return None
        if len(self.snapshot.training[0]) < FEWEST:
            return None
        sizes, right = np.ones(1), np.empty((1, 0))
        if len(self.evidence.random.at):
            sizes, right = self.evidence.outcomes
        return next_hour(
            float(np.mean(1 - self.snapshot.sure)),
            sizes,
            right,
            labels=len(self.evidence.single),
            pool=len(self.snapshot.embeddings) - len(self.snapshot.training[0]) + len(self.evidence.single),
            seconds_per_label=float(self.time.per_label),
            per_hour=rates.per_hour,
            per_point=rates.per_point,
        )

    def goal(self) -> Plan | None:
        """Return the plan to the accuracy limit of the config; None without a limit, or with too few random labels."""
        target = self.snapshot.project.config.stop.accuracy
        if target is None or target >= 1 or len(self.evidence.random.at) < FEWEST:
            return None
        return self.plan(target)

    def roi(self) -> Roi | None:
        """Return the money so far, from the estimate of labels saved; None without rates, times or an estimate."""
        history, rates = self.snapshot.history, self.snapshot.project.config.rates
        taught = [r.queried.seconds + sum(t.seconds for t in r.taught) for r in history.rounds if r.taught]
        if rates.per_hour is None or self.evidence.live is None or self.time is None or not taught:
            return None
        start, paces = 0.0 if history.encoded is None else history.encoded.seconds, self._paces
        return return_on_investment(
            self.evidence.live.saved,
            self.evidence.live.low,
            self.evidence.live.high,
            labels=[labels for labels, _ in paces],
            seconds_per_label=self.time.per_label,
            per_hour=rates.per_hour,
            currency=rates.currency,
            overhead=rates.overhead,
            machine_hours=[(start + s) / 3600 for s in np.cumsum(taught)],
            group_hours=[seconds / 3600 for _, seconds in paces],
            compute_per_hour=rates.compute_per_hour,
        )

    @property
    def _paces(self) -> list[tuple[int, float]]:
        """After each taught round: labels from single questions, and seconds spent on clusters so far."""
        history, ids = self.snapshot.history, self.snapshot.embeddings.ids
        asked_in = {q.id: r.number for r in history.rounds for q in r.questions if q.kind == "confirm"}
        shown: dict[str, int] = {}  # items that were confirmed with their cluster, and in which round
        took: dict[int, float] = {}
        for answer in history.answers.values():
            if answer.cluster:
                number = asked_in.get(answer.question, 0)
                took[number] = took.get(number, 0.0) + usable_seconds(answer)
                if answer.kind == "label":
                    shown[answer.item] = number
        # until they are labeled as single items in a later round
        alone = {ids[self.snapshot.training[0][i]]: int(self.evidence.asked[0][i]) for i in self.evidence.single}
        known = {ids[row] for row in self.snapshot.training[0]}
        spans = [(n, alone.get(item, history.next_round)) for item, n in shown.items() if item in known]
        return [
            (
                r.taught[-1].labels - sum(n <= r.number < until for n, until in spans),
                sum(seconds for n, seconds in took.items() if n <= r.number),
            )
            for r in history.rounds
            if r.taught
        ]
