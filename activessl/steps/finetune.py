"""Fine-tune the encoder of a project on its labels, use it if it is better, and undo it.

The frozen encoder and its head stay in use until the end: the fine-tuned encoder is stored beside it, the pool is
embedded a second time, and one entry in the ledger switches to it. People can continue to label meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from filelock import FileLock, Timeout

from activessl.encoders.base import Encoder
from activessl.encoders.embeddings import embed
from activessl.encoders.registry import load_encoder
from activessl.errors import EncoderError, LabelError, ProjectError, ProjectLocked
from activessl.ledger.history import History
from activessl.ledger.schema import Tuned, Untuned
from activessl.measuring.quality.calibration_split import calibration_half
from activessl.pool.progress import OnProgress
from activessl.project.config import Config
from activessl.project.folder import Project, writing
from activessl.project.snapshot import embeddings_folder
from activessl.steps.encode import encode, encoded_event, known_ids, request_of
from activessl.steps.moves import gone_with_answers, moves_of
from activessl.steps.teach import teach_if_due

Outcome = Literal["replaced", "kept", "taken back"]

#: The next attempt is due when the number of labels has grown by this factor.
AGAIN = 1.5


def finetune(project: Project, *, minutes: float | None = None, on_progress: OnProgress | None = None) -> Tuned:
    """Fine-tune the project's encoder on all labels that may teach it, and use the result if it is better.

    Random labels only measure, unless they are most of the labels: accuracy, savings and the promise of ``accept`` are
    measured on labels that were not taught. The comparison always starts from the frozen encoder; an encoder that was
    fine-tuned before stays in use unless it is clearly worse.

    Args:
        project: The project folder.
        minutes: Approximate duration; by default that of the config.
        on_progress: Called with each step.

    Returns:
        The decision and its reason, as in the ledger. The head of the encoder in use is taught.

    Raises:
        EncoderError: The project's encoder cannot be fine-tuned.
        LabelError: Too few labels, or items may have several classes.
        ProjectError: The pool is not encoded yet, or was encoded again meanwhile.
    """
    from activessl.tuning.tune import tune  # imports torch

    config, start = project.config, time.monotonic()
    if config.data.kind.independent:
        raise LabelError(
            "fine-tuning needs items of one class each, here an item may have several",
            hint="continue with the frozen encoder",
        )
    if moves_of(project, project.history(), project.pool()):  # the labels must be those of the vectors
        encode(project, None, on_progress)
    with _alone(project):
        history = project.history()
        encoder = _base(project, history)
        pool = project.pool()
        index = {name: k for k, name in enumerate(config.data.classes)}
        labels = {item: index[label.classes[0]] for item, label in history.labels.items() if item in pool}
        found = tune(
            encoder,
            pool,
            labels,
            n_classes=len(index),
            folder=project.folder / "encoders",
            judges=_judges(history, config.seed).intersection(labels),
            head=config.head.name,
            minutes=config.finetune.minutes if minutes is None else minutes,
            seed=config.seed,
            on_progress=on_progress,
        )
        last = history.tunings[-1] if history.tunings else None
        if last is not None and _same(last, found.fingerprint, history, config):
            teach_if_due(project)
            return last
        worse = history.tuned is not None and found.compared.worse
        outcome: Outcome = "taken back" if worse else "kept" if found.fingerprint is None else "replaced"
        tuned = Tuned(
            outcome=outcome,
            base=encoder.fingerprint,
            fingerprint=found.fingerprint,
            request=request_of(config),
            why=_why(outcome, found.compared.to_text(), standing=history.tuned is not None),
            labels=found.compared.labels,
            before=found.compared.before,
            after=found.compared.after,
            low=found.compared.low,
            high=found.compared.high,
            level=found.compared.level,
            taught=found.taught,
            digest=history.digest(),
            steps=found.steps,
            at_once=found.at_once,
            seconds=time.monotonic() - start,
            there=len(history.labels),
            turn=history.events,
        )
        if outcome == "kept":
            with project.lock():
                project.append(tuned)
        else:
            used = (
                encoder if found.fingerprint is None else load_encoder(project.folder / "encoders" / found.fingerprint)
            )
            _switch(project, tuned, used, on_progress)
    teach_if_due(project)
    return tuned


def undo(project: Project, why: str, on_progress: OnProgress | None = None) -> str | None:
    """Use the frozen encoder again; return its fingerprint, or None if no encoder was fine-tuned.

    Raises:
        ProjectError: The frozen encoder is missing.
    """
    with _alone(project):
        history = project.history()
        base = None if history.tuned is None else _base(project, history)
        if base is not None:
            _switch(project, Untuned(why=why, turn=history.events), base, on_progress)
    teach_if_due(project)
    return None if base is None else base.fingerprint


def due(history: History, config: Config) -> bool:
    """Whether fine-tuning is due, by the config and the labels since the last attempt."""
    from activessl.tuning.tune import FEWEST

    if config.finetune.when == "never" or history.encoded is None or len(history.labels) < FEWEST:
        return False
    tried = [t for t in history.tunings if t.request == request_of(config)]
    if not tried:
        return True
    # all labels, not only the compared ones: a clearly worse attempt ends after a third of them
    before = tried[-1].labels if tried[-1].there is None else tried[-1].there
    return len(history.labels) >= AGAIN * before


def _base(project: Project, history: History) -> Encoder:
    if history.encoded is None:
        raise ProjectError("the pool is not encoded yet", hint="run `activessl encode`")
    fingerprint = history.encoded.fingerprint if history.tuned is None else history.tuned.base
    try:
        return load_encoder(project.folder / "encoders" / fingerprint)
    except EncoderError as error:
        # `encode` without --minutes would keep the fine-tuned encoder
        again = (
            "activessl encode"
            if history.tuned is None
            else f"activessl encode --minutes {project.config.encoder.minutes}"
        )
        raise ProjectError(error.message, hint=f"run `{again}` to train the frozen encoder again") from None


def _same(last: Tuned, fingerprint: str | None, history: History, config: Config) -> bool:
    """Whether the last attempt had the same labels, request and result, and is still in use."""
    standing = history.tuned.fingerprint if history.tuned is not None else None
    return (last.digest, last.request, last.fingerprint) == (history.digest(), request_of(config), fingerprint) and (
        fingerprint in (None, standing)
    )


def _judges(history: History, seed: int) -> frozenset[str]:
    """Return the labeled items that were drawn at random: all or, if they are most of the labels, half."""
    drawn = history.drawn & history.labels.keys()
    if 2 * len(drawn) <= len(history.labels):
        return drawn
    return calibration_half(drawn, seed)


def _switch(project: Project, event: Tuned | Untuned, encoder: Encoder, on_progress: OnProgress | None) -> None:
    start, pool = time.monotonic(), project.pool()
    folder = embeddings_folder(project, encoder.fingerprint)
    embed(encoder, pool, folder, on_progress=on_progress)  # without the lock: these vectors are not in use yet
    with project.lock(), writing(project.folder):
        history = project.history()
        before, gone = known_ids(project, history), gone_with_answers(project, history, pool)
        base = history.encoded.fingerprint if history.encoded is not None else ""
        if isinstance(event, Tuned) and base not in (event.base, history.tuned.fingerprint if history.tuned else None):
            raise ProjectError(
                "the pool was encoded again during the fine-tuning", hint="run `activessl finetune` again"
            )
        encoded = encoded_event(encoder, embed(encoder, pool, folder), history, before, time.monotonic() - start, gone)
        project.append(event, *([] if encoded is None else [encoded]))  # both in one write


def _why(outcome: str, compared: str, *, standing: bool) -> str:
    if outcome == "replaced":
        return f"better: {compared}"
    if outcome == "taken back":
        return f"worse: {compared}"
    return f"not clearly {'worse, the earlier fine-tuned encoder stays' if standing else 'better'}: {compared}"


@contextmanager
def _alone(project: Project) -> Iterator[None]:
    """Allow one fine-tuning at a time; answers can be written meanwhile."""
    lock = FileLock(project.folder / ".finetune.lock", timeout=0)
    try:
        with writing(project.folder):
            lock.acquire()
    except Timeout:
        raise ProjectLocked(
            f"another process is fine-tuning the encoder of {project.folder}", hint="wait until it ends, or stop it"
        ) from None
    try:
        yield
    finally:
        lock.release()
