"""Explain items: why they were asked about, which labels speak for and against a class, and where the model looks."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from activessl.errors import ActiveSSLError, LabelError, PoolError, ProjectError
from activessl.explaining.deletion import DeletionTest, Drops, deletion_test, drops_of, over_items, rate_of
from activessl.explaining.occlusion import PlaceMap, occlusion_map
from activessl.explaining.places import PLACES, Places, places_of
from activessl.heads.base import Head
from activessl.heads.contributions import contributions
from activessl.labels.questions import Question
from activessl.pool.pool import Pool
from activessl.pool.progress import OnProgress
from activessl.project.folder import writing
from activessl.project.snapshot import Snapshot, no_labels
from activessl.scoring.model import Model
from activessl.sealed import write_atomic

#: Items of the deletion test.
TESTED = 24
#: The deletion test begins no further item after this time, in seconds.
MOST_SECONDS = 60.0
#: Labels for, and labels against, that are listed.
LISTED = 5
#: Changes when maps are made in another way: kept tests are then made again.
FORM = 1


@dataclass(frozen=True, slots=True)
class Speaker:
    """A labeled item that speaks for or against a class.

    Attributes:
        item: The item.
        label: Its classes.
        weight: How much it adds to the score of the class; below 0 against it.
    """

    item: str
    label: tuple[str, ...]
    weight: float


@dataclass(frozen=True, eq=False)
class Explained:
    """What is known about one item and one class.

    Attributes:
        item: The item.
        name: The class that is explained.
        predicted: The predicted classes.
        probabilities: The probability of each class, by name, in the order of the project.
        label: The classes that people gave; None without a label.
        question: The newest question about the item; None if it was never asked about.
        round: The number of its round; None without a question.
        speaks_for: Labeled items that speak for the class, the strongest first.
        speaks_against: Labeled items that speak against it, the strongest first.
        own: What the item's own label adds to the score; None without a label.
        score: The score of the class: its logit minus the mean logit of all classes; None where it is not known.
        rest: What the labels that are not listed, and the shares of the classes, add to the score; None with it.
        machines: The machines that the head heeds.
        said: What these machines add to the score; None without them, or without a score.
        places: The places of the item; None without a map.
        map: The map; None where there is none, or where maps of this model say no more than chance.
        drops: What hiding a fifth of the places does; None without a map.
        why_no_map: Why there is no map; empty if there is one.
    """

    item: str
    name: str
    predicted: tuple[str, ...]
    probabilities: dict[str, float]
    label: tuple[str, ...] | None
    question: Question | None
    round: int | None
    speaks_for: tuple[Speaker, ...]
    speaks_against: tuple[Speaker, ...]
    own: float | None
    score: float | None
    rest: float | None
    machines: tuple[str, ...] = ()
    said: float | None = None
    places: Places | None = None
    map: PlaceMap | None = None
    drops: Drops | None = None
    why_no_map: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return everything as values for JSON; null where something does not exist."""
        asked = self.question
        found = self.map
        return {
            "item": self.item,
            "class": self.name,
            "predicted": list(self.predicted),
            "probabilities": {name: round(value, 6) for name, value in self.probabilities.items()},
            "label": None if self.label is None else list(self.label),
            "asked": None
            if asked is None
            else {
                "round": self.round,
                "kind": asked.kind,
                "reason": asked.reason or None,
                "parts": dict(asked.parts),
                "near": list(asked.near),
            },
            "for": [asdict(one) for one in self.speaks_for],
            "against": [asdict(one) for one in self.speaks_against],
            "own_label": self.own,
            "score": self.score,
            "rest": self.rest,
            "machines": list(self.machines),
            "from_machines": self.said,
            "map": None
            if found is None
            else {
                "axes": list(found.axes),
                "shape": list(found.values.shape),
                "values": np.round(found.values, 4).tolist(),
                "probability": round(found.probability, 6),
                "places": list(getattr(self.places, "parts", ())) or None,
                "drops": None if self.drops is None else asdict(self.drops),
            },
            "why_no_map": self.why_no_map or None,
        }


@dataclass(frozen=True)
class Explainer:
    """Explains the items of a project with its newest model.

    Args:
        snapshot: The project at one moment.
        on_progress: Called during the deletion test, with the stage "maps".
        pool: The items, if they were read before.

    Raises:
        LabelError: There is no model yet.
    """

    snapshot: Snapshot
    on_progress: OnProgress | None = None
    pool: Pool | None = None

    def __post_init__(self) -> None:
        if not len(self.snapshot.training[0]):
            raise no_labels(self.snapshot.history)
        if self.snapshot.head is None:
            raise LabelError("no model yet", hint="run `activessl teach`")
        with suppress(ActiveSSLError):
            pool = self.pool or self.snapshot.project.pool()
            object.__setattr__(self, "pool", pool.ordered(self.snapshot.embeddings.axes))

    @cached_property
    def model(self) -> Model:
        """The model, with its encoder."""
        return self.snapshot.model()

    @cached_property
    def head(self) -> Head:
        """A head that was taught exactly the labels of now: the newest, if no label has changed since."""
        head = self.snapshot.head
        if head is None or self.snapshot.history.untaught:
            return self.snapshot.fitted(None)
        return head

    def test(self, items: int = TESTED, most_seconds: float = MOST_SECONDS) -> DeletionTest:
        """The deletion test of the newest model on items drawn at random; kept until the model changes."""
        kept = self._kept(items)
        if kept is not None:
            return kept
        if self.pool is None:
            return over_items(())
        rng = np.random.default_rng([self.snapshot.project.config.seed, 14])
        rows = [self.pool.row(item) for item in self.snapshot.embeddings.ids if item in self.pool]
        drawn = rng.permutation(np.array(rows, dtype=np.int64))[:items].tolist()
        found = deletion_test(
            self.model, self.pool, drawn, rng, most_seconds=most_seconds, on_progress=self.on_progress
        )
        self._keep(items, found)
        return found

    def explain(self, item: str, name: str | None = None, *, maps: bool = True) -> Explained:
        """Explain one item.

        Args:
            item: Its id.
            name: The class; by default the most likely one.
            maps: Whether to make a map, if maps of this model say more than chance.

        Raises:
            LabelError: There is no class of this name.
            PoolError: There is no such item, or it was added after the pool was encoded.
        """
        snapshot, classes = self.snapshot, self.snapshot.project.config.data.classes
        row = self._row(item)
        if name is not None and name not in classes:
            near = difflib.get_close_matches(name, classes, 1) or [", ".join(classes[:8])]
            raise LabelError(
                f"the project has no class {name!r}", hint=f"use {'one of ' * (len(classes) > 1)}{near[0]}"
            )
        known = snapshot.probs_at([row])
        assert known is not None
        probs = known[0]
        column = int(np.argmax(probs)) if name is None else classes.index(name)
        asked = next(
            ((q, r.number) for r in reversed(snapshot.history.rounds) for q in r.questions if item in q.items), None
        )
        label = snapshot.history.labels.get(item)
        places, found, drops, why = self._map(item, column) if maps else (None, None, None, "maps were not asked for")
        return Explained(
            item=item,
            name=classes[column],
            predicted=snapshot.named(snapshot.kind.decide(known)[0]),
            probabilities=dict(zip(classes, map(float, probs), strict=True)),
            label=None if label is None else label.classes,
            question=None if asked is None else asked[0],
            round=None if asked is None else asked[1],
            **self._speakers(row, column),
            places=places,
            map=found,
            drops=drops,
            why_no_map=why,
        )

    def _row(self, item: str) -> int:
        row = self.snapshot.row.get(item)
        if row is not None:
            return row
        if self.pool is not None and item in self.pool:
            raise PoolError(f"{item} was added after the pool was encoded", hint="run `activessl encode`")
        for bad in () if self.pool is None else self.pool.unreadable:
            if bad.id == item:
                raise PoolError(
                    f"{item} cannot be read: {bad.why}", hint="repair the file, then run `activessl encode`"
                )
        near = difflib.get_close_matches(item, self.snapshot.embeddings.ids[:100_000], 1)
        hint = f"use an id of the pool, such as {(near or self.snapshot.embeddings.ids)[0]}"
        raise PoolError(f"the pool has no item {item!r}", hint=hint)

    def _speakers(self, row: int, column: int) -> dict[str, Any]:
        snapshot, (rows, y) = self.snapshot, self.snapshot.training
        found = contributions(self.head, snapshot.points_at(np.array([row]))[0], snapshot.points_at(rows), y, column)
        own = np.flatnonzero(rows == row)
        values = np.where(rows == row, 0.0, found.values)
        order = np.argsort(-values, kind="stable")

        def speakers(places: Any) -> Iterator[Speaker]:
            for at in places:
                item = snapshot.embeddings.ids[rows[at]]
                yield Speaker(item, snapshot.history.labels[item].classes, float(values[at]))

        best = tuple(speakers(at for at in order[:LISTED] if values[at] > 0))
        worst = tuple(speakers(at for at in order[::-1][:LISTED] if values[at] < 0))
        mine = float(found.values[own[0]]) if len(own) else None
        listed = sum(one.weight for one in (*best, *worst)) + (mine or 0.0)
        machines, total = self._machines, found.score
        if machines:  # what no label explains
            total = float(found.values.sum() + found.base)
        return {
            "speaks_for": best,
            "speaks_against": worst,
            "own": mine,
            "score": found.score if found.exact else None,
            "rest": total - listed if found.exact else None,
            "machines": machines,
            "said": found.score - total if found.exact and machines else None,
        }

    @property
    def _machines(self) -> tuple[str, ...]:
        """The machines that ``head`` heeds."""
        history = self.snapshot.history
        if history.untaught or history.taught is None:
            return self.snapshot.heeds
        return history.taught.machines

    def _map(self, item: str, column: int) -> tuple[Places | None, PlaceMap | None, Drops | None, str]:
        pool = self.pool
        if pool is None or item not in pool:
            return None, None, None, "the data of the item cannot be read"
        if pool.modality not in PLACES:
            return None, None, None, f"{pool.modality} items have no places to hide"
        try:
            media = pool.read(pool.row(item))
            places = places_of(pool.modality, media, rate := rate_of(pool))
            if places is None:
                return None, None, None, "the item has a single place"
            test = self.test()
            if not test.passed:
                return places, None, None, f"maps of this model say no more than chance: {test.to_text()}"
            found = occlusion_map(self.model, places, column, rate)
            rng = np.random.default_rng([self.snapshot.project.config.seed, 15])
            return places, found, drops_of(self.model, places, found, column, rng, rate), ""
        except ActiveSSLError as error:
            return None, None, None, error.message

    @cached_property
    def _key(self) -> str:
        history, config = self.snapshot.history, self.snapshot.project.config
        taught = history.taught
        about = None if taught is None else (taught.digest, taught.round, taught.smoothed)
        told = (FORM, self.snapshot.embeddings.fingerprint, about, config.head.name, config.data.columns, config.seed)
        return sha256(repr(told).encode()).hexdigest()

    def _kept(self, items: int) -> DeletionTest | None:
        """The kept test of this model, if it was of at least so many items."""
        with suppress(OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            note = json.loads(self._path.read_text(encoding="utf-8"))
            if note["key"] == self._key and int(note["wanted"]) >= items:
                numbers = {name: float(value) for name, value in note["test"].items()}
                return DeletionTest(**{**numbers, "items": int(numbers["items"])})  # type: ignore[arg-type]
        return None

    def _keep(self, items: int, found: DeletionTest) -> None:
        told = {"key": self._key, "wanted": items, "test": asdict(found)}
        with suppress(ProjectError), writing(self._path.parent):  # only a cache: the medium may be read-only
            self._path.parent.mkdir(exist_ok=True)
            write_atomic(self._path, json.dumps(told, allow_nan=False).encode())

    @property
    def _path(self) -> Path:
        return self.snapshot.project.folder / "reports" / "deletion.json"
