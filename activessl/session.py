"""The round loop over one project: query, push, pull, teach. Each verb can be repeated and interrupted.

What to ask is the strategy's decision, what to believe is the ledger's fold's, what to predict is the head's: this
module only carries values from one room to the next and writes down what happened.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from activessl.annotators.base import Annotator, Suggestion
from activessl.annotators.base import Pushed as PushResult
from activessl.encoders.base import OnProgress
from activessl.encoders.embeddings import Embeddings, embed
from activessl.encoders.pretrain import load_encoder, pretrain
from activessl.errors import LabelError, ProjectError, QueryError
from activessl.heads.base import Head
from activessl.heads.registry import load_head, make_head
from activessl.ledger.fold import History, RoundHistory
from activessl.ledger.schema import Answered, Asked, Closed, Encoded, Pulled, Pushed, Queried, Taught
from activessl.measuring.stopping import kappa
from activessl.pool.sources import load_pool
from activessl.pool.stored_labels import StoredLabels, read_labels
from activessl.project import Project, writing
from activessl.reports.items import item_table
from activessl.strategies.base import Query, State
from activessl.strategies.registry import get_strategy
from activessl.strategies.share import RandomShare

SUGGESTED = 4  # the pre-selected class and three alternatives: more is slower to read than the full list


@dataclass(frozen=True)
class Session:
    """One project at work.

    Args:
        project: The project folder.
    """

    project: Project

    @classmethod
    def open(cls, folder: Path | str = ".") -> Session:
        """Open a project folder.

        Raises:
            ProjectError: There is none.
        """
        return cls(Project.open(Path(folder)))

    # encode

    def encode(self, *, minutes: float | None = None, on_progress: OnProgress | None = None) -> Embeddings:
        """Train the encoder on the pool, or take it from the cache, and embed every item."""
        config, pool = self.project.config, self.project.pool()
        with self.project.lock(), writing(self.project.folder):
            self.project.remember(pool)
            start = time.monotonic()
            encoder = pretrain(
                pool,
                encoder=config.encoder.name,
                minutes=config.encoder.minutes if minutes is None else minutes,
                seed=config.seed,
                folder=self.project.folder / "encoders",
                on_progress=on_progress,
            )
            embeddings = embed(encoder, pool, self._embeddings_folder(encoder.fingerprint), on_progress=on_progress)
            self._append(
                Encoded(
                    fingerprint=encoder.fingerprint,
                    encoder=encoder.name,
                    items=len(pool),
                    dim=encoder.dim,
                    seconds=time.monotonic() - start,
                )
            )
        return embeddings

    def embeddings(self, history: History | None = None) -> Embeddings:
        """The vectors that the project uses now.

        Raises:
            ProjectError: Nothing was encoded yet, or the cache was deleted.
        """
        encoded = (history or self.project.history()).encoded
        if encoded is None or not self._embeddings_folder(encoded.fingerprint).is_dir():
            raise ProjectError("the pool is not encoded yet", hint="run `activessl encode`")
        return Embeddings.load(self._embeddings_folder(encoded.fingerprint))

    # query

    def query(self, query_size: int | None = None, *, strategy: str | None = None) -> RoundHistory:
        """Open the next round, or return the one that is open."""
        config = self.project.config
        with self.project.lock():
            history = self.project.history()
            if history.open_round is not None:
                if history.waiting(history.open_round):
                    return history.open_round
                self.close("all its items were answered")
                history = self.project.history()

            start = time.monotonic()
            number = len(history.rounds) + 1
            embeddings = self.embeddings(history)
            state = self._state(history, embeddings, number)
            free = len(state.candidates)
            if free == 0:
                raise QueryError("every item is labeled or skipped", hint="run `activessl report`, or add data")
            size = min(config.query.size, free) if query_size is None else query_size
            chooser = RandomShare(get_strategy(strategy or config.query.strategy), config.query.random_share)
            query = chooser.query(state, size)
            self._append(_queried(query, number, config.seed, embeddings, time.monotonic() - start))
        opened = self.project.history().open_round
        if opened is None:
            raise ProjectError("the round was not written", hint="check that the disk is writable and not full")
        return opened

    def close(self, why: str) -> None:
        """End the open round; what nobody answered may be asked again."""
        current = self.project.history().open_round
        if current is not None:
            self._append(Closed(round=current.number, why=why))

    # push and pull

    def push(self, annotator: Annotator) -> PushResult:
        """Put what waits in the open round before the annotator, with the head's suggestions.

        Raises:
            QueryError: No round is open.
        """
        with self.project.lock():
            history = self.project.history()
            current = history.open_round
            if current is None:
                raise QueryError("no round is open", hint="run `activessl query`")
            pool, embeddings = self.project.pool(), self.embeddings(history)
            asked = set(history.waiting(current))
            query = _query_of(current, pool.row, asked)
            head = self.head(history, embeddings)
            suggestions = [] if head is None else self._suggestions(head, query, embeddings, current.number)
            model = "cold" if history.taught is None else f"round-{history.taught.round}-{history.taught.digest[:6]}"
            pushed = annotator.push(pool, query, suggestions, model=model)
            self._append(
                Pushed(
                    round=current.number,
                    model=model,
                    new=pushed.new,
                    suggestions=pushed.suggestions,
                    where=pushed.where,
                    project=pushed.project,
                )
            )
        return pushed

    def pull(self, annotator: Annotator) -> int:
        """Write new answers into the ledger; return how many there were."""
        with self.project.lock():
            answers, watermark = annotator.pull(self.project.history().watermark)
            # one transaction: a watermark is never ahead of the answers before it
            with self.project.ledger() as ledger:
                before = ledger.append([Answered(answer=a) for a in answers])
                ledger.append([Pulled(watermark=watermark)])
        return before

    def wait(
        self, annotator: Annotator, *, every: float = 5.0, on_wait: Callable[[History], None] | None = None
    ) -> History:
        """Pull until every item of the open round is labeled or skipped."""
        while True:
            self.pull(annotator)
            history = self.project.history()
            if on_wait is not None:
                on_wait(history)
            if history.open_round is None or not history.waiting(history.open_round):
                return history
            time.sleep(every)

    # teach

    def teach(self) -> Taught:
        """Teach the head all labels there are, and measure it where the project has test data.

        Raises:
            LabelError: There are no labels yet.
        """
        config = self.project.config
        with self.project.lock():
            history = self.project.history()
            if not history.labels or not history.rounds:
                raise LabelError("no labels yet", hint="label some items, then run `activessl pull`")
            embeddings = self.embeddings(history)
            number, digest = history.rounds[-1].number, history.digest()
            start = time.monotonic()
            before = self.head(history, embeddings)
            rows, y = self._training_set(history, embeddings)
            head = make_head(config.head.name, n_classes=len(config.data.classes), seed=config.seed)
            head.fit(np.asarray(embeddings.vectors[rows]), y)
            self._save_head(head, number, digest)
            seconds = time.monotonic() - start
            accuracy, tested = self._test(head, embeddings.fingerprint)
            agreement, change = _compare(before, head, embeddings)
            taught = Taught(
                round=number,
                head=config.head.name,
                fingerprint=embeddings.fingerprint,
                labels=len(rows),
                digest=digest,
                seconds=seconds,
                accuracy=accuracy,
                test_items=tested,
                kappa=agreement,
                change=change,
            )
            self._append(taught)
            current = history.open_round
            if current is not None and not history.waiting(current):
                self.close("all its items were answered")
        return taught

    def head(self, history: History, embeddings: Embeddings) -> Head | None:
        """The newest head, from its file, or fitted again where the file is gone; None before the first."""
        taught = history.taught
        if taught is None:
            return None
        folder = self._head_folder(taught.round, taught.digest)
        if folder.is_dir() and taught.fingerprint == embeddings.fingerprint:
            return load_head(folder)
        rows, y = self._training_set(history, embeddings)
        if not len(rows):
            return None
        config = self.project.config
        head = make_head(config.head.name, n_classes=len(config.data.classes), seed=config.seed)
        return head.fit(np.asarray(embeddings.vectors[rows]), y)

    def table(self, *, predictions: bool = True) -> list[dict[str, Any]]:
        """One row an item: what people said and, if asked for, what the head says of the rest."""
        history = self.project.history()
        ids = self.project.pool().ids
        probs = None
        if predictions and history.taught is not None:
            embeddings = self.embeddings(history)
            head = self.head(history, embeddings)
            ids, probs = embeddings.ids, None if head is None else head.predict_proba(embeddings.vectors)
        return item_table(history, ids, self.project.config.data.classes, probs)

    # parts

    def _append(self, *events: Any) -> None:
        with self.project.ledger() as ledger:
            ledger.append(events)

    def _embeddings_folder(self, fingerprint: str) -> Path:
        return self.project.folder / "embeddings" / fingerprint

    def _head_folder(self, number: int, digest: str) -> Path:
        return self.project.folder / "heads" / f"{number:04d}-{digest}"

    def _save_head(self, head: Head, number: int, digest: str) -> None:
        final = self._head_folder(number, digest)
        part = final.with_name(f".{final.name}.part")
        with writing(final):
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(parents=True)
            head.save(part)
            shutil.rmtree(final, ignore_errors=True)
            part.rename(final)

    def _training_set(self, history: History, embeddings: Embeddings) -> tuple[Any, Any]:
        row = {item: i for i, item in enumerate(embeddings.ids)}
        index = {name: k for k, name in enumerate(self.project.config.data.classes)}
        known = sorted((row[item], index[label.classes[0]]) for item, label in history.labels.items() if item in row)
        return np.array([r for r, _ in known], dtype=np.int64), np.array([k for _, k in known], dtype=np.int64)

    def _state(self, history: History, embeddings: Embeddings, number: int) -> State:
        config = self.project.config
        rows, y = self._training_set(history, embeddings)
        head = self.head(history, embeddings)
        excluded = np.array([item in history.skipped for item in embeddings.ids], dtype=bool)
        return State(
            vectors=embeddings.vectors,
            labeled=rows,
            labels=y,
            n_classes=len(config.data.classes),
            rng=np.random.default_rng([config.seed, number]),
            probs=None if head is None else head.predict_proba(embeddings.vectors),
            predict=None if head is None else head.predict_proba,
            excluded=excluded,
            ids=embeddings.ids,
            class_names=config.data.classes,
        )

    def _suggestions(self, head: Head, query: Query, embeddings: Embeddings, number: int) -> list[Suggestion]:
        config = self.project.config
        probs = head.predict_proba(np.asarray(embeddings.vectors[query.indices]))
        top = np.argsort(-probs, axis=1, kind="stable")[:, :SUGGESTED]
        # seeded by round, not by call: pushing again hides the same items
        blind = (
            np.random.default_rng([config.seed, number, 1]).random(len(embeddings.ids)) < config.annotator.blind_share
        )
        return [
            Suggestion(
                item_id=item,
                classes=tuple(config.data.classes[k] for k in top[i]),
                probs=tuple(float(probs[i, k]) for k in top[i]),
                blind=bool(blind[query.indices[i]]),
            )
            for i, item in enumerate(query.ids)
        ]

    def _test(self, head: Head, fingerprint: str) -> tuple[float | None, int | None]:
        config = self.project.config
        if config.data.test is None:
            return None, None
        location = self.project.folder / Path(config.data.test).expanduser()
        pool = load_pool(location, config.data.modality)
        truth = _truth(read_labels(pool), location, config.data.classes)
        encoder = load_encoder(self.project.folder / "encoders" / fingerprint)
        vectors = embed(encoder, pool, self._embeddings_folder(f"{fingerprint}-test")).vectors
        return float(np.mean(head.predict_proba(vectors).argmax(axis=1) == truth)), len(truth)


def _truth(found: StoredLabels | None, location: Path, classes: tuple[str, ...]) -> np.ndarray[Any, Any]:
    """The true class of each test item, as an index into the project's classes."""
    if found is None:
        raise LabelError(f"the test data {location} has no labels", hint="add a label column, or remove data.test")
    names = found.class_names or classes
    unknown = sorted({str(names[k]) if k < len(names) else str(k) for k in found.labels} - set(classes))
    if unknown:
        raise LabelError(
            f"the test data has a class {unknown[0]!r} that the project does not have",
            hint="add it to data.classes in activessl.toml, or leave its items out",
        )
    index = {name: k for k, name in enumerate(classes)}
    return np.array([index[names[k]] for k in found.labels], dtype=np.int64)


def _queried(query: Query, number: int, seed: int, embeddings: Embeddings, seconds: float) -> Queried:
    near = query.neighbours or ((),) * len(query)
    return Queried(
        round=number,
        strategy=query.strategy,
        seed=(seed, number),
        fingerprint=embeddings.fingerprint,
        seconds=seconds,
        items=tuple(
            Asked(
                id=query.ids[i],
                score=float(query.scores[i]),
                reason=query.reasons[i],
                propensity=None if np.isnan(query.propensities[i]) else float(query.propensities[i]),
                parts={name: float(values[i]) for name, values in query.parts.items()},
                near=tuple(embeddings.ids[j] for j in near[i]),
            )
            for i in range(len(query))
        ),
    )


def _query_of(current: RoundHistory, row: Callable[[str], int], only: set[str]) -> Query:
    """The part of a round's query that still waits, as it was chosen."""
    items = [item for item in current.queried.items if item.id in only]
    return Query(
        indices=np.array([row(item.id) for item in items], dtype=np.int64),
        ids=tuple(item.id for item in items),
        scores=np.array([item.score for item in items], dtype=float),
        reasons=tuple(item.reason for item in items),
        propensities=np.array([np.nan if i.propensity is None else i.propensity for i in items], dtype=float),
        strategy=current.queried.strategy,
        seed=current.queried.seed,
    )


def _compare(before: Head | None, after: Head, embeddings: Embeddings) -> tuple[float | None, float | None]:
    """Agreement of two heads on the pool: Cohen's kappa, and the share of items whose class changed."""
    if before is None:
        return None, None
    old = before.predict_proba(embeddings.vectors).argmax(axis=1)
    new = after.predict_proba(embeddings.vectors).argmax(axis=1)
    return kappa(old, new), float(np.mean(old != new))
