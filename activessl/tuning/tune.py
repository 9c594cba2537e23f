"""Fine-tuning with a verdict: cross-validated on the labels, and trained on all of them only if it is better."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from activessl.encoders.base import Encoder
from activessl.encoders.store import find_fit, fit_key, read_encoder, save_encoder
from activessl.errors import EncoderError, LabelError
from activessl.geometry.smoothing import smooth
from activessl.geometry.units import centred_rows
from activessl.heads.registry import make_head
from activessl.pool.pool import Pool
from activessl.pool.progress import OnProgress, tell
from activessl.sealed import write_atomic
from activessl.tuning.compare import Compared, compare_outcomes, dealt
from activessl.tuning.networks import network_of
from activessl.tuning.run import Recipe, TuningRun

FOLDS = 3
#: Least labels: with fewer, no difference can be told from chance.
FEWEST = 30
#: Least labels of each of two classes, so that every fold learns from both.
OF_A_CLASS = 6
#: Most unlabeled items used: for the self-supervised loss, and as neighbours when heads are compared.
OTHERS = 2_000


@dataclass(frozen=True)
class Verdict:
    """The result of fine-tuning.

    Attributes:
        compared: The head on frozen and on fine-tuned vectors; each label is predicted by networks that were not
            taught it.
        taught: Ids of the items whose labels teach the network.
        fingerprint: Fingerprint of the encoder that was fine-tuned on all of these; None where fine-tuning was not
            better.
        epochs: Best number of passes over the labels, the median of the folds.
        steps: Steps of the final run.
        folds: Number of folds tried: fewer than three if fine-tuning was clearly worse before.
        at_once: Items per pass through the network at the end.
        halved: Whether memory did not suffice for the requested items per pass.
    """

    compared: Compared
    taught: tuple[str, ...]
    fingerprint: str | None
    epochs: float
    steps: int
    folds: int
    at_once: int
    halved: bool


def tune(
    encoder: Encoder,
    pool: Pool,
    labels: Mapping[str, int],
    *,
    n_classes: int,
    folder: Path,
    judges: AbstractSet[str] = frozenset(),
    head: str = "logistic",
    minutes: float = 5.0,
    seed: int = 0,
    recipe: Recipe | None = None,
    always: bool = False,
    on_progress: OnProgress | None = None,
) -> Verdict:
    """Fine-tune an encoder on labels if this makes the model better.

    The labels are split into three folds. For each fold, a network is trained on the labels of the other two. One head
    is taught these labels on the vectors of the network, another on the frozen vectors, and both predict the held-out
    labels. If the fine-tuned predictions are better and the interval of the difference is above zero, the encoder is
    fine-tuned on all labels, for the best number of epochs.

    A second call with the same arguments resumes an interrupted run, or returns the stored result.

    Args:
        encoder: The encoder to start from; it is stored in ``folder`` and is not changed.
        pool: All items.
        labels: Class index by item id, only for items of the pool.
        n_classes: Number of classes.
        folder: Folder of the encoders, each under its fingerprint.
        judges: Ids whose labels must never teach the network, because they measure accuracy later.
        head: Name of the head that is compared.
        minutes: Approximate time of all runs together on this machine.
        seed: Seed of all random numbers.
        recipe: Settings of the training.
        always: Fine-tune on all labels whatever the verdict, to measure the result.
        on_progress: Called at each step, with the stage of the fold.

    Raises:
        EncoderError: The encoder has no trainable network, or memory does not suffice for one item.
        LabelError: Too few labels.
    """
    recipe = recipe or Recipe()
    network_of(encoder, rank=recipe.rank, seed=seed)  # raises for an encoder that cannot learn, before reading
    ids = sorted(labels)
    taught = tuple(i for i in ids if i not in judges)
    _enough(np.array([labels[i] for i in taught], dtype=np.int64), len(ids) - len(taught), n_classes)

    free = [i for i in pool.ids if i not in labels]
    drawn = np.random.default_rng([seed, 11]).choice(len(free), min(OTHERS, len(free)), replace=False)
    part = pool.subset([*ids, *(free[int(i)] for i in np.sort(drawn))])
    y = np.array([labels[i] for i in ids], dtype=np.int64)
    mine = np.array([i not in judges for i in ids], dtype=bool)
    asked = {"base": encoder.fingerprint, "y": y.tolist(), "mine": mine.tolist(), "head": head, "minutes": minutes}
    key = fit_key("tuned", part, **asked, seed=seed, classes=n_classes, recipe=asdict(recipe))
    notes = _Notes(folder / f".tuning-{key}.json")
    bench = _Bench(encoder, part, y, mine, n_classes, head, minutes / (FOLDS + 1), seed, recipe, folder, key, notes)

    fold = dealt(y, FOLDS, np.random.default_rng([seed, 12]))
    done: list[dict[str, Any]] = []
    compared = None
    while compared is None or (len(done) < FOLDS and (always or not compared.worse)):
        f = len(done)
        done.append(notes.get(f"fold {f}", partial(bench.run_fold, f, fold == f, on_progress)))
        before, after = (np.concatenate([d[side] for d in done]) for side in ("before", "after"))
        compared = compare_outcomes(before, after)
    epochs = float(np.median([d["epochs"] for d in done]))
    at_once = min(d["at_once"] for d in done)
    fingerprint, steps = None, 0
    if always or (compared.better and len(done) == FOLDS):
        fingerprint, steps, at_once = bench.finish(epochs, at_once, compared, on_progress)
    return Verdict(compared, taught, fingerprint, epochs, steps, len(done), at_once, at_once < recipe.at_once)


def _enough(y: Int[np.ndarray, " m"], judges: int, n_classes: int) -> None:
    count = np.bincount(y, minlength=n_classes)
    aside = f" ({judges} more are held out)" if judges else ""
    if len(y) < FEWEST or np.sum(count >= OF_A_CLASS) < 2:
        raise LabelError(
            f"{len(y)} labels{aside} are too few to fine-tune an encoder and to compare it",
            hint=f"label at least {FEWEST} items, with at least {OF_A_CLASS} of each of two classes",
        )


@dataclass(frozen=True)
class _Notes:
    """Finished parts of a run, stored in a file so that a resumed run skips them."""

    path: Path

    def all(self) -> dict[str, Any]:
        try:
            kept = json.loads(self.path.read_text(encoding="utf-8"))
            if kept["sha256"] != sha256(kept["notes"].encode()).hexdigest():
                return {}
            return dict(json.loads(kept["notes"]))
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return {}

    def get(self, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        found = self.all().get(name)
        if found is None:
            found = make()
            self.put(name, found)
        return dict(found)

    def put(self, name: str, value: Any) -> None:
        text = json.dumps(self.all() | {name: value}, allow_nan=False)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(self.path, json.dumps({"sha256": sha256(text.encode()).hexdigest(), "notes": text}).encode())
        except OSError as error:
            raise EncoderError(
                f"cannot write {self.path}: {error.strerror}", hint="free some disk space, or check the permissions"
            ) from None


@dataclass(frozen=True)
class _Bench:
    """Data and settings of all runs. The first rows of ``part`` are the labeled items, in the order of ``y``."""

    encoder: Encoder
    part: Pool
    y: Int[np.ndarray, " m"]
    mine: Bool[np.ndarray, " m"]
    n_classes: int
    head: str
    minutes: float
    seed: int
    recipe: Recipe
    folder: Path
    key: str
    notes: _Notes

    def run_fold(self, f: int, out: Bool[np.ndarray, " m"], on_progress: OnProgress | None) -> dict[str, Any]:
        """Train on the labels of the other folds, and compare on those of this fold."""
        inside = np.flatnonzero(~out & self.mine)
        aside = dealt(self.y[inside], 5, np.random.default_rng([self.seed, 13, f])) == 0
        run, images = self._run(inside[~aside], f"{f}", self.recipe.at_once), self.images
        frozen = run.vectors(images).numpy()
        total = self.notes.all().get("total")
        held = images[torch.from_numpy(inside[aside])], self.y[inside[aside]]
        stage = f"fold {f + 1} of {FOLDS}"
        best = run.train(steps=total, minutes=self.minutes, held=held, stage=stage, on_progress=on_progress)
        if total is None:
            self.notes.put("total", run.total)
        before, after = (self._right(v, out) for v in (frozen, run.vectors(images).numpy()))
        run.checkpoint.unlink(missing_ok=True)
        epochs = best / run.epoch_steps
        return {"before": before, "after": after, "epochs": epochs, "at_once": run.at_once, "seconds": run.seconds}

    def finish(
        self, epochs: float, at_once: int, compared: Compared, on_progress: OnProgress | None
    ) -> tuple[str, int, int]:
        """Train on all labels and save the encoder; return its fingerprint, the steps, and the items per pass."""
        saved = find_fit(self.folder, self.key)
        if saved is not None:
            note, _ = read_encoder(saved)
            return saved.name, int(note["provenance"]["steps"]), int(note["provenance"]["at_once"])
        rows = np.flatnonzero(self.mine)
        run = self._run(rows, "all", at_once)
        steps = max(1, round(epochs * run.epoch_steps))
        run.train(steps=steps, stage="all labels", on_progress=on_progress)
        note, arrays = read_encoder(self.folder / self.encoder.fingerprint)
        provenance = {
            "objective": "fine-tuned on labels",
            "base": self.encoder.fingerprint,
            "base_provenance": note["provenance"],
            "labels": len(rows),
            "steps": steps,
            "at_once": run.at_once,
            "recipe": asdict(self.recipe),
            "seed": self.seed,
            "seconds": round(run.seconds, 2),
            "compared": compared.to_dict(),
        }
        outdated = run.network.outdated
        arrays = {k: v for k, v in arrays.items() if not (outdated and k.startswith(outdated))} | run.network.saved()
        folder = save_encoder(self.folder, self.encoder.name, note["config"], arrays, provenance, key=self.key)
        run.checkpoint.unlink(missing_ok=True)
        tell(on_progress, "all labels", 1, 1)
        return folder.name, steps, run.at_once

    @cached_property
    def images(self) -> torch.Tensor:
        """All items as input of the networks."""
        return network_of(self.encoder).read(self.part)

    def _run(self, rows: Int[np.ndarray, " r"], name: str, at_once: int) -> TuningRun:
        return TuningRun(
            network_of(self.encoder, rank=self.recipe.rank, seed=self.seed),
            self.images[torch.from_numpy(rows)],
            self.y[rows],
            self.images[len(self.y) :],
            self.recipe,
            self.seed,
            self.folder / f".tuning-{self.key}-{name}.safetensors",
            at_once=at_once,
        )

    def _right(self, vectors: Float[np.ndarray, "n d"], out: Bool[np.ndarray, " m"]) -> list[bool]:
        """Whether a head taught the labels of the other folds predicts each label of this fold correctly."""
        points = smooth(centred_rows(vectors)).points
        known = np.flatnonzero(~out)
        head = make_head(self.head, n_classes=self.n_classes, seed=self.seed)
        head.partial_fit(points[known], self.y[known], classes=np.arange(self.n_classes))
        said = head.predict_proba(points[np.flatnonzero(out)]).argmax(axis=1)
        return [bool(v) for v in said == self.y[out]]
