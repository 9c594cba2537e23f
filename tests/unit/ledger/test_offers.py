"""Classes that people add and remove in the labeling tool."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from activessl.annotators.base import Offer, Offering
from activessl.annotators.oracle import Oracle
from activessl.labels.changes import Change, Naming
from activessl.ledger.offers import Choice
from activessl.ledger.schema import Offered
from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.session import Session

OWN = ("ant", "bee", "cow")


def chosen(offers: Iterable[Offered]) -> Choice:
    choice = Choice()
    for offered in offers:
        choice = choice.after(offered)
    return choice


def offers(*each: tuple[str, ...], project: str = "p") -> list[Offered]:
    return [Offered(project=project, classes=classes, turn=turn) for turn, classes in enumerate(each)]


@pytest.mark.parametrize(
    ("each", "now"),
    [
        ([], OWN),
        ([OWN], OWN),
        ([(*OWN, "fly")], OWN),  # there from the beginning: not one of ours
        ([OWN, (*OWN, "fly")], (*OWN, "fly")),
        ([OWN, ("fly", *OWN), OWN], OWN),
        ([OWN, ("ant", "bee")], ("ant", "bee")),
        ([OWN, ("ant", "bee"), OWN], OWN),
        ([OWN, ("ant", "wasp")], ("ant", "wasp")),
        ([OWN, ("ant",)], OWN),  # one class is no choice
    ],
)
def test_what_is_added_later_joins_and_what_is_taken_out_goes(
    each: list[tuple[str, ...]], now: tuple[str, ...]
) -> None:
    assert chosen(offers(*each)).classes(OWN) == now


def test_what_a_push_brought_from_the_config_goes_when_it_is_renamed_there() -> None:
    typo, mended = (*OWN, "fyl"), (*OWN, "fly")
    pushed = chosen(Offered(project="p", classes=classes, own=classes, turn=len(classes)) for classes in (OWN, typo))
    assert pushed.classes(typo) == typo and pushed.joined == ()
    assert pushed.classes(mended) == mended


def test_a_choice_under_an_old_or_a_new_name_is_the_same_class() -> None:
    renamed = Naming((Change("rename", {"ant": ("emmet",)}, 1, OWN),))
    before = chosen(offers(OWN))
    after = before.after(Offered(project="p", classes=("emmet", "bee", "cow"), turn=2), renamed)
    assert (after.joined, after.removed) == ((), frozenset())
    back = after.after(Offered(project="p", classes=OWN, turn=3), renamed)
    assert (back.joined, back.removed) == ((), frozenset())
    assert back.after(Offered(project="p", classes=("bee", "cow"), turn=4), renamed).removed == {"emmet"}


def test_another_project_takes_over_what_joined_and_what_went() -> None:
    first = chosen(offers(OWN, ("ant", "bee", "fly")))
    anew = first.after(Offered(project="q", classes=("ant", "bee", "fly"), turn=2))
    assert first.classes(OWN) == anew.classes(OWN) == ("ant", "bee", "fly")
    assert anew.after(Offered(project="q", classes=OWN, turn=3)).classes(OWN) == OWN
    assert Choice().classes(OWN) == OWN


@dataclass(eq=False)
class Team(Oracle):
    """People who change their label config."""

    offer: Offer | None = field(default=None)


def test_a_class_that_joins_at_a_pull_is_learned_and_one_that_goes_is_set_aside(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    true = np.arange(60) % 4
    vectors = (5 * np.eye(4, 6)[true] + rng.normal(size=(60, 6))).astype(np.float32)
    np.savez(tmp_path / "pool.npz", vectors=vectors)
    config = check_config(
        {
            "data": {"path": "../pool.npz", "modality": "vector", "classes": list(OWN)},
            "query": {"size": 20, "strategy": "random"},
        }
    )
    session = Session(Project.create(tmp_path / "p", config, version="0"))
    session.encode()
    everything = (*OWN, "fly")
    team = Team({f"pool:{i}": everything[k] for i, k in enumerate(true)}, everything, offer=Offer("p", OWN))
    assert isinstance(team, Offering)
    session.query()
    session.push(team)
    team.offer = Offer("p", everything)
    session.pull(team)
    # the same process, and one that is started later
    for project in (session.project, Project.open(tmp_path / "p")):
        assert project.config.data.classes == everything
        assert project.own.data.classes == OWN
        assert not project.history().quarantined
    taught = session.teach()
    assert taught.labels == 20
    model = session.model()
    assert model.classes == everything

    labels = session.project.history().labels
    team.offer = Offer("p", ("ant", "bee", "fly"))
    session.query()
    session.push(team)
    session.pull(team)
    history = session.project.history()
    cows = {i for i, label in labels.items() if label.classes == ("cow",)}
    assert cows and cows <= {a.item for a in history.quarantined}
    assert not cows & history.labels.keys()
    session.teach()
    assert session.model().classes == ("ant", "bee", "fly")

    team.offer = Offer("p", everything)
    session.pull(team)
    assert cows <= session.project.history().labels.keys()
    with session.project.ledger() as ledger:
        assert [r.event.own for r in ledger if isinstance(r.event, Offered)] == [OWN] * 4
