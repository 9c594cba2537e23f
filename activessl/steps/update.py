"""Replace the model in use by the newest one, if fresh random labels show that it is better; or go back to the last."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import numpy as np

from activessl.errors import ActiveSSLError, LabelError, ProjectError
from activessl.ledger.draws import draws_of
from activessl.ledger.history import History
from activessl.ledger.schema import Promoted, Taught
from activessl.measuring.quality.challenge import FEWEST, Challenge, judge_challenger
from activessl.pool.progress import OnProgress
from activessl.project.folder import Project, writing
from activessl.project.snapshot import Snapshot, no_labels
from activessl.proof.estimates import Evidence
from activessl.scoring.digest import model_digest
from activessl.scoring.model import Model
from activessl.sealed import beside
from activessl.steps.make_reference import make_reference

#: The folder of the models that were in use.
MODELS = "models"
_AGAIN = "the folder of the model in use was missing: it was made again from the same labels"
_ANYWAY = "promoted without a comparison, by hand"


@dataclass(frozen=True)
class Updated:
    """The result of an update.

    Attributes:
        outcome: As of the event ``Promoted``; "waiting" for fresh random labels; "unchanged" if the newest model is in
            use already.
        in_use: The model in use now.
        folder: Its folder.
        challenge: The comparison; None without one.
        fresh: Fresh random labels.
        needed: Further fresh random labels that are needed before the next comparison can decide; None if not known.
        why: The reason.
    """

    outcome: Literal["first", "promoted", "kept", "open", "rolled back", "waiting", "unchanged"]
    in_use: Promoted
    folder: Path
    challenge: Challenge | None
    fresh: int
    needed: int | None
    why: str


def update(project: Project, *, anyway: bool = False, on_progress: OnProgress | None = None) -> Updated:
    """Compare the newest model with the model in use; see ``Session.update``."""
    with project.lock():
        snapshot = Snapshot.of(project, on_progress)
        history, taught = snapshot.history, snapshot.history.taught
        if taught is None or snapshot.head is None:
            raise no_labels(history) if not history.labels else LabelError("no model yet", hint="run `activessl teach`")
        if not history.in_use:
            first = _promote(project, snapshot, _event(taught, "first", "the first model"))
            return Updated("first", first, folder_of(project, first), None, 0, None, first.why)
        now = history.in_use[-1]
        fresh = _fresh(snapshot, now)
        if (now.digest, now.fingerprint) == (taught.digest, taught.fingerprint):
            if not folder_of(project, now).is_dir():  # such as after a restore: a backup has no models
                event = _promote(project, snapshot, _event(taught, "promoted", _AGAIN))
                return Updated("promoted", event, folder_of(project, event), None, len(fresh), None, _AGAIN)
            return Updated("unchanged", now, folder_of(project, now), None, len(fresh), None, "no newer model")
        if anyway:
            event = _promote(project, snapshot, _event(taught, "promoted", _ANYWAY))
            return Updated("promoted", event, folder_of(project, event), None, len(fresh), None, _ANYWAY)
        if len(fresh) < FEWEST:
            why = f"{len(fresh)} fresh random labels, and a comparison needs {FEWEST}"
            return Updated("waiting", now, folder_of(project, now), None, len(fresh), FEWEST - len(fresh), why)
        return _judge(project, snapshot, taught, now, fresh)


def roll_back(project: Project) -> Updated:
    """Use the model again that was in use before; see ``Session.roll_back``."""
    with project.lock():
        history = project.history()
        if len(history.in_use) < 2:
            raise LabelError(
                "no model was in use before this one" if history.in_use else "no model is in use yet",
                hint="run `activessl update`",
            )
        before = history.in_use[-2]
        _load(project, before)  # a model that is gone must not be in use
        why = f"rolled back from {history.in_use[-1].model}, by hand"
        event = before.model_copy(update={"outcome": "rolled back", "why": why, "turn": history.events, "judged": ""})
        project.append(event)
    return Updated("rolled back", event, folder_of(project, event), None, 0, None, why)


def folder_of(project: Project, promoted: Promoted) -> Path:
    """The folder of a model that is, or was, in use."""
    return project.folder / MODELS / promoted.model


def _judge(project: Project, snapshot: Snapshot, taught: Taught, now: Promoted, fresh: dict[str, int]) -> Updated:
    """Compare both models on the fresh random labels, and write the decision."""
    history = snapshot.history
    in_use = _load(project, now)
    items, at = list(fresh), np.array(list(fresh.values()), dtype=np.int64)
    known = at >= 0  # the others have a class that the project does not have: both models are wrong
    mine = np.zeros(len(items), dtype=bool)
    mine[known] = Evidence(snapshot).correct[at[known]]
    theirs = np.zeros(len(items), dtype=bool)
    pool = project.pool()
    scores = in_use.score(pool.subset(item for item, one in zip(items, known, strict=True) if one))
    # the model in use has the classes of its time; one that was split since is none of its parts
    names = [history.naming.read(name) for name in in_use.classes]
    classes = tuple(name if read.by else read.names[0] for name, read in zip(in_use.classes, names, strict=True))
    said = [set(in_use.kind.named(row, classes)) for row in in_use.kind.decide(scores.probs)]
    right = [one == set(history.labels[item].classes) for item, one in zip(scores.ids, said, strict=True)]
    theirs[known] = right
    seen = sha256("\n".join([now.model, taught.digest, taught.fingerprint, *sorted(items)]).encode()).hexdigest()[:16]
    earlier = _since(history, now)
    look = 1 + len({one.judged for one in earlier} - {seen})
    won, lost = int((mine & ~theirs).sum()), int((theirs & ~mine).sum())
    found = judge_challenger(won, lost, len(items), look=look)
    outcome: Literal["promoted", "kept", "open"] = (
        "promoted" if found.verdict == "better" else "open" if found.verdict == "open" else "kept"
    )
    why = {
        "better": "the newest model is better",
        "worse": "the newest model is worse",
        "alike": "the newest model is at most 1 point better",
        "open": "the fresh random labels do not decide yet",
    }[found.verdict]
    figures: dict[str, Any] = {"fresh": len(items), "won": won, "lost": lost, "judged": seen}
    figures |= {"low": found.low, "high": found.high, "level": found.level}
    event = _event(taught, outcome, why).model_copy(update=figures)
    if outcome == "promoted":
        now = event = _promote(project, snapshot, event)
    else:
        project.append(event.model_copy(update={"turn": history.events}))
    return Updated(outcome, now, folder_of(project, now), found, len(items), found.more, why)


def _since(history: History, now: Promoted) -> list[Promoted]:
    """The comparisons with the model in use."""
    last = max(i for i, one in enumerate(history.promotions) if one.model == now.model and one.outcome not in _STAYS)
    return [one for one in history.promotions[last + 1 :] if one.outcome in _STAYS]


_STAYS = ("kept", "open")


def _fresh(snapshot: Snapshot, now: Promoted) -> dict[str, int]:
    """The items of random draws that the model in use was not taught, and their position among the labels.

    Draws count that were made after its last round and after items were last added, so that they are a sample of the
    pool as it is now; labeled without a suggestion. -1: a class that the project does not have.
    """
    history, row = snapshot.history, snapshot.row
    position = {int(r): at for at, r in enumerate(snapshot.training[0])}
    whole = snapshot.kind.complete(snapshot.training[1])
    learned = frozenset() if history.tuned is None else frozenset(history.tuned.taught)
    since = max(now.round, *(history.late.get(item, 0) for item in snapshot.embeddings.ids))
    found: dict[str, int] = {}
    for draw in draws_of(history):
        usable = draw.uniform and not draw.alone and not draw.seen and not draw.pending and draw.round > since
        if not usable or draw.item not in row or draw.item in learned or draw.item in history.missing:
            continue
        at = position.get(row[draw.item], -1)
        if draw.ended == "unknown" and at < 0:
            found[draw.item] = -1
        elif draw.ended == "class" and at >= 0 and whole[at]:
            found[draw.item] = at
    return found


def _event(taught: Taught, outcome: Literal["first", "promoted", "kept", "open"], why: str) -> Promoted:
    return Promoted(
        outcome=outcome,
        model="",
        round=taught.round,
        labels=taught.labels,
        digest=taught.digest,
        fingerprint=taught.fingerprint,
        why=why,
        turn=0,
    )


def _promote(project: Project, snapshot: Snapshot, event: Promoted) -> Promoted:
    """Write the newest model into the project's folder, then the event: a model in use is always there."""
    model = replace(snapshot.model(), reference=make_reference(project, snapshot, snapshot.on_progress))
    models = project.folder / MODELS
    with writing(models):
        models.mkdir(parents=True, exist_ok=True)
        part = beside(models / "new")
        try:
            model.save(part, encoder_folder=project.folder / "encoders" / model.encoder.fingerprint)
            digest = model_digest(part)
            if not (models / digest).exists():
                part.rename(models / digest)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    event = event.model_copy(update={"model": digest, "turn": snapshot.history.events})
    project.append(event)
    return event


def _load(project: Project, promoted: Promoted) -> Model:
    folder = folder_of(project, promoted)
    try:
        if model_digest(folder) != promoted.model:
            raise ProjectError(f"the model in {folder} was changed", hint="restore it from a backup")
        return Model.load(folder)
    except ActiveSSLError as bad:
        raise ProjectError(
            f"the model {promoted.model} cannot be used: {bad.message}",
            hint=f"restore {folder}, or run `activessl update --anyway` to use the newest model without a comparison",
        ) from None
