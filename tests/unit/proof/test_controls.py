"""What a machine says of the pool narrows the accuracy; ``accept`` judges the head that heeds the machine."""

from __future__ import annotations

import numpy as np
import pytest

from activessl.ledger.schema import MachineAsked, Said, Taught
from activessl.proof.acceptance import judge
from activessl.proof.controls import SILENT, control_of, widest_machine
from activessl.proof.estimates import Evidence
from activessl.proof.machines import machine_figures

pytestmark = pytest.mark.slow  # each teaches some dozens of heads

ITEMS = [f"p{i:03}" for i in range(300)]
RNG = np.random.default_rng(0)
Y = RNG.integers(2, size=300)
X = (2.0 * np.eye(2, 60)[Y] + RNG.normal(size=(300, 60))).astype(np.float32)


def said(share: float, silent: int = 0) -> MachineAsked:
    """A machine that is right in this share, and silent about the first items."""
    own = np.where(np.random.default_rng(3).random(300) < share, Y, 1 - Y)
    scores = [None if i < silent else tuple(np.eye(2)[k].tolist()) for i, k in enumerate(own)]
    answers = tuple(Said(item=item, scores=one) for item, one in zip(ITEMS, scores, strict=True))
    return MachineAsked(machine="m", what="table", version="1", classes=("cat", "dog"), answers=answers, turn=0)


@pytest.fixture
def world(tell, snapshot):
    """A pool of two classes; 20 items were chosen, and as many as said were drawn in each of two rounds."""

    def make(machine=None, drawn=40, heeds=()):
        chosen, first = ITEMS[:20], ITEMS[20 : 20 + drawn]
        second = ITEMS[20 + drawn : 20 + 2 * drawn]
        asked = [(1, (*tell.chosen(*chosen), *tell.drawn(*first))), (2, tell.drawn(*second))]
        answers = {item: ("cat", "dog")[Y[ITEMS.index(item)]] for item in (*chosen, *first, *second)}
        events = [tell.encoded(300), *([machine] if machine is not None else [])]
        for number, questions in asked:
            events += [tell.asked(number, *questions)]
            events += [tell.said(q.item, answers[q.item], at=number) for q in questions]
        taught = Taught(
            round=2, head="logistic", fingerprint="f", labels=len(answers), digest="", seconds=0.0, machines=heeds
        )
        machines = {} if machine is None else {"m": {"kind": "table", "path": "x.csv"}}
        return snapshot(*events, taught, ids=ITEMS, vectors=X, machines=machines)

    return make


def test_the_interval_of_accuracy_narrows_by_what_a_good_machine_says_of_the_pool(world) -> None:
    plain = Evidence(world()).audit
    found = Evidence(world(said(0.97)))
    assert plain is not None and found.audit is not None
    assert found.audit.machine == "m" and plain.machine == ""
    without = found._audited(None)
    assert found.audit.effective > 1.3 * without.effective
    assert found.audit.high - found.audit.low < without.high - without.low
    assert "what the machine m says of the pool makes them worth" in found.audit.to_text()
    (figures,) = machine_figures(found.snapshot, found)
    assert figures.accuracy == found.audit and figures.evidence is not None  # one source


def test_the_opinions_of_draws_are_compared_with_those_of_the_items_drawn_from(world) -> None:
    taken = world(said(0.9))
    evidence = Evidence(taken)
    found = control_of(taken, "m", evidence.random, evidence.said, evidence.asked[0])
    assert found is not None and found.doubt == 0.0 and widest_machine(taken) == "m"
    predicted = np.array(taken.decided)
    predicted[taken.training[0]] = evidence.said
    opinion = taken.machine_shares["m"][np.arange(300), predicted]
    rows = taken.training[0][evidence.random.at]
    # before round 2, the 20 chosen and 40 drawn items had a label
    frames = {1: np.arange(300), 2: np.arange(60, 300)}
    mean = {number: opinion[frame].mean() for number, frame in frames.items()}
    expected = [opinion[r] - mean[n] for r, n in zip(rows, evidence.random.rounds, strict=True)]
    assert evidence.random.rounds.tolist().count(2) == 40
    assert np.allclose(found.values[evidence.random.rounds == 2], np.array(expected)[evidence.random.rounds == 2])


def test_a_machine_that_is_silent_has_no_opinion_and_one_that_was_asked_about_a_part_is_less_sure(world) -> None:
    taken = world(said(0.9, silent=150))
    evidence = Evidence(taken)
    found = control_of(taken, "m", evidence.random, evidence.said, evidence.asked[0])
    assert found is not None and found.doubt == 0.0
    assert len(set(np.round(found.values[evidence.random.rounds == 1], 6))) == 1  # all silent: told apart by nothing
    part = said(0.9)
    asked = np.random.default_rng(1).random(300) < 0.5
    part = part.model_copy(update={"answers": tuple(a for a, keep in zip(part.answers, asked, strict=True) if keep)})
    taken = world(part)
    evidence = Evidence(taken)
    found = control_of(taken, "m", evidence.random, evidence.said, evidence.asked[0])
    assert found is not None and found.doubt > 0 and SILENT == 0.5
    unasked = ~asked[taken.training[0][evidence.random.at]]
    assert unasked.any() and not found.values[unasked].any()


def test_accept_judges_the_head_that_heeds_the_machine(world, monkeypatch) -> None:
    taken = world(said(0.97), drawn=60, heeds=("m",))
    rows = np.arange(80)
    with_it, alone = (
        taken.head_of(rows),
        taken.new_head().fit(taken.points[taken.training[0][rows]], taken.training[1][rows]),
    )
    assert not np.allclose(with_it.predict_proba(taken.points), alone.predict_proba(taken.points))
    seen = []
    original = type(taken).head_of

    def spy(self, at, points=None):
        head = original(self, at, points)
        seen.append((at, head))
        return head

    monkeypatch.setattr(type(taken), "head_of", spy)
    found = judge(taken, error=0.2, delta=0.2, per_class=False, audit=0)
    (at, head), probability = seen[0], {item.id: item.probability for item in found.items}
    assert probability and len(at) < len(taken.training[0])  # the judges teach nothing
    sure = head.predict_proba(taken.points).max(axis=1)
    assert all(sure[taken.row[item]] == pytest.approx(p) for item, p in probability.items())


def test_the_accuracy_is_that_of_the_head_with_machines_and_the_labels_saved_are_without(world) -> None:
    taken = world(said(0.97), drawn=60)
    assert taken.heeds == ("m",)
    evidence = Evidence(taken)
    assert np.mean(evidence.correct) > np.mean(evidence._judged(1.0, alone=True)[1])
    saved = evidence.machines_saved
    assert saved is not None and saved.saved > 0.2 and saved.low <= saved.saved <= saved.high
    assert Evidence(world()).machines_saved is None
