"""Hours and money so far, and a forecast of accuracy and cost with more labels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from activessl.errors import MeasureError
from activessl.measuring.planning.cheaper import MachinesWorth, machines_worth
from activessl.measuring.planning.hours import HumanTime, human_time
from activessl.measuring.planning.plan import Plan, Price, check_target, make_plan
from activessl.measuring.planning.roi import Roi, return_on_investment
from activessl.measuring.planning.times import labeling_times
from activessl.measuring.planning.worth import Worth, next_hour
from activessl.measuring.quality.audit import FEWEST
from activessl.project.snapshot import Snapshot
from activessl.proof.estimates import Evidence
from activessl.proof.measured import accuracy_on_test_data


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
        tested = accuracy_on_test_data(self.snapshot.history)
        return make_plan(
            self.evidence.curve,
            target,
            labels=len(self.evidence.single),
            pool=self._within_reach,
            random_labels=len(self.evidence.random.at),
            test_items=0 if tested is None else tested.items,
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
        if rates.per_hour is None or rates.per_point is None or self.time is None or self.snapshot.field_probs is None:
            return None
        if len(self.snapshot.training[0]) < FEWEST:
            return None
        tested = accuracy_on_test_data(self.snapshot.history)
        sizes, right = np.ones(1), np.empty((1, 0))
        if len(self.evidence.random.at):
            sizes, right = self.evidence.outcomes
        return next_hour(
            float(np.mean(1 - self.snapshot.field_sure)),
            sizes,
            right,
            labels=len(self.evidence.single),
            pool=self._within_reach,
            seconds_per_label=float(self.time.per_label),
            per_hour=rates.per_hour,
            per_point=rates.per_point,
            tested=(0, 0) if tested is None else (tested.items - tested.right, tested.items),
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
        rounds = [r for r in history.rounds if r.taught]
        if rates.per_hour is None or self.evidence.live is None or not rounds:
            return None
        times = labeling_times(history.answers.values())
        single = [(history.arrived[t.answer.source], t.seconds) for t in times if not t.answer.cluster]
        hours = [sum(seconds for came, seconds in single if came <= r.number) / 3600 for r in rounds]
        if not hours[-1]:
            return None
        start = 0.0 if history.encoded is None else history.encoded.seconds
        machine = np.cumsum([r.queried.seconds + sum(t.seconds for t in r.taught) for r in rounds])
        return return_on_investment(
            self.evidence.live.saved,
            self.evidence.live.low,
            self.evidence.live.high,
            hours=hours,
            spent_hours=sum(t.seconds for t in times) / 3600,
            per_hour=rates.per_hour,
            currency=rates.currency,
            overhead=rates.overhead,
            machine_hours=((start + machine) / 3600).tolist(),
            compute_per_hour=rates.compute_per_hour,
        )

    def machines(self) -> MachinesWorth | None:
        """Return what the machines saved and cost; None if no machine was ever asked."""
        snapshot, rates = self.snapshot, self.snapshot.project.config.rates
        spent = [said.spent for said in snapshot.history.said.values()]
        if not any(one.answers for one in spent):
            return None
        taught = snapshot.history.taught
        heeded = () if taught is None else tuple(taught.machines)
        return machines_worth(
            self.evidence.machines_saved if heeded else None,
            heeded=heeded,
            outdated=not set(heeded) <= set(snapshot.heeds),
            spent=sum(one.price for one in spent),
            tokens=sum(one.tokens for one in spent),
            answers=sum(one.answers for one in spent),
            seconds_per_label=None if self.time is None else float(self.time.per_label),
            per_hour=rates.per_hour,
            currency=rates.currency,
        )
