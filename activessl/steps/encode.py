"""Encode a pool with the encoder of the config, and write the change into the ledger."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from activessl.encoders.auto import alternatives
from activessl.encoders.base import Encoder
from activessl.encoders.compute.processes import count, decided, leads
from activessl.encoders.embeddings import Embeddings, embed
from activessl.encoders.executors import Elsewhere, Executor
from activessl.encoders.here import Here
from activessl.encoders.registry import PRETRAINED, fit_encoder, fitting, load_encoder
from activessl.encoders.wheels.catalogue import wheel_named
from activessl.errors import EncoderError, PoolError, ProjectError
from activessl.ledger.history import History
from activessl.ledger.schema import Encoded, OtherVectors
from activessl.measuring.quality.encoders import Compared, compare_encoders
from activessl.pool.addresses import Address
from activessl.pool.pool import Pool
from activessl.pool.progress import OnProgress
from activessl.project.config import Config
from activessl.project.folder import Project, writing
from activessl.project.idle_caches import discard_damaged
from activessl.project.snapshot import Snapshot, embedded, embeddings_folder
from activessl.steps.compare_added import compare_added
from activessl.steps.moves import follow_moves, gone_with_answers


def encode(
    project: Project,
    minutes: float | None = None,
    on_progress: OnProgress | None = None,
    *,
    executor: Executor | None = None,
) -> Embeddings:
    """Train the encoder on the pool, or take it from the cache, and embed every item; see ``Session.encode``.

    Args:
        project: The project.
        minutes: Training time; by default the config's.
        on_progress: Called with each step.
        executor: Encodes the items in other processes; by default this process does. The encoder is trained here.
    """
    if executor is not None and count() > 1:
        raise EncoderError(
            f"{executor.name} and torchrun exclude each other: this is one of {count()} processes",
            hint="train with torchrun first, then encode in other processes without it",
        )
    if not leads():
        if decided(bool):
            fitted_encoder(project, project.pool(), minutes)
        return Embeddings.load(Path(decided(str)))
    pool = project.pool()
    with project.lock(), writing(project.folder):
        project.remember(pool)
        start, history = time.monotonic(), project.history()
        with suppress(ProjectError):  # damaged files are made again, so that it is known what was embedded
            _ = Snapshot(project, history, on_progress).embeddings
        check_moved(embedded(project, history), history, pool)
        history = follow_moves(project, history, pool, on_progress)
        # a fine-tuned encoder stays in use until it is undone, or the config asks for another encoder
        encoder = None if minutes is not None else standing_encoder(project, history)
        wanted = encoder is None
        decided(lambda: wanted)
        others: list[Encoder] = []
        if encoder is None:
            encoder = fitted_encoder(project, pool, minutes, on_progress)
            others = other_encoders(project, pool, encoder, minutes, on_progress)
            encoder, others = _chosen_first(history, encoder, others)
            if minutes is None:
                _check_that_of_all(project, history, encoder)
        folder = embeddings_folder(project, encoder.fingerprint)
        before = known_ids(project, history)  # read first: the vectors may be overwritten below
        gone = gone_with_answers(project, history, pool)
        encoders = project.folder / "encoders"
        in_store = isinstance(pool.source.location, Address)

        def embedded_by(one: Encoder) -> Embeddings:
            at = embeddings_folder(project, one.fingerprint)
            # a connection may be lost: what was encoded before is kept
            by = Here(one, pool) if executor is None and in_store else executor
            elsewhere = None if by is None else Elsewhere(by, encoders)
            return embed(one, pool, at, on_progress=on_progress, elsewhere=elsewhere)

        for other in others:
            embedded_by(other)
        embeddings = embedded_by(encoder)
        encoded = encoded_event(encoder, embeddings, history, before, time.monotonic() - start, gone, others)
        if encoded is not None:
            project.append(encoded)

        def alike() -> Embeddings:
            """Vectors of an encoder that treats old and new items alike: not those of one that was fine-tuned before
            the new ones came."""
            if wanted:
                return embeddings
            return embedded_by(fitted_encoder(project, pool, None, on_progress))

        compare_added(project, alike, on_progress)
        discard_damaged(project, project.history())
    decided(lambda: str(folder))
    return embeddings


def _check_that_of_all(project: Project, history: History, encoder: Encoder) -> None:
    """Refuse an encoder that this machine has trained for itself, where others use the one that it lacks.

    Raises:
        ProjectError: The ledger is shared by several folders, and this one lacks the encoder.
    """
    now = history.encoded
    if now is None or "://" not in project.own.ledger or encoder.name != now.encoder:
        return
    if encoder.fingerprint != now.fingerprint and not (project.folder / "encoders" / now.fingerprint).is_dir():
        raise ProjectError(
            f"the encoder of this project, {now.fingerprint}, is not in this folder: it was trained in another one",
            hint=f"copy encoders/{now.fingerprint} from there into {project.folder / 'encoders'}; `activessl encode "
            f"--minutes {project.config.encoder.minutes:g}` trains another one for everybody",
        )


def known_ids(project: Project, history: History) -> frozenset[str] | None:
    """Return the ids of the newest encoding; None if its vectors are missing."""
    if history.encoded is None:
        return frozenset()
    ids = embedded(project, history)
    return frozenset(history.moved_since.get(item, item) for item in ids) if ids else None


def check_moved(was: Mapping[str, str], history: History, pool: Pool) -> None:
    """Refuse a pool in which ids with answers now belong to other items, such as after rows were deleted from a file
    whose ids are row numbers: the labels would move to wrong items.

    Raises:
        PoolError: An id with an answer, or in the open round, has the content that another id had at the encoding.
    """
    current = history.open_round
    asked = {a.item for a in history.answers.values()} | history.machine.keys()
    asked |= set(current.items if current else ())
    now = {item: pool.items[pool.row(item)].sha256 for item in asked & was.keys() if item in pool}
    changed = sorted(item for item, digest in now.items() if digest != was[item])
    if not changed:  # the usual case: the rest of the pool need not be compared
        return
    # content has moved if another id held it and no longer does; else a file was corrected or copied
    there = {item.id: item.sha256 for item in pool.items}
    left = {digest: item for item, digest in was.items() if there.get(item) != digest}
    moved = [item for item in changed if now[item] in left]
    if moved:
        raise PoolError(
            f"{len(moved):,} item{'s' * (len(moved) > 1)} with questions changed content: {moved[0]} is now "
            f"what {left[now[moved[0]]]} was when the pool was encoded",
            hint="restore the names or the order of the items; to keep ids when rows change, add an array `ids` to the "
            ".npz, or a column `id` to the .parquet",
        )


def encoded_event(
    encoder: Encoder,
    embeddings: Embeddings,
    history: History,
    before: frozenset[str] | None,
    seconds: float,
    gone: Mapping[str, str],
    others: Sequence[Encoder] = (),
) -> Encoded | None:
    """Return the event for the ledger; None if these vectors are in use already.

    Args:
        encoder: The encoder.
        embeddings: Its vectors.
        history: History of the project before.
        before: ``known_ids``, read before the vectors were written, because writing may replace the old ones.
        seconds: Duration of the encoding.
        gone: ``gone_with_answers``, read before, too.
        others: Encoders whose vectors of the same items are kept.
    """
    kept = tuple(OtherVectors(fingerprint=one.fingerprint, encoder=one.name, dim=one.dim) for one in others)
    now, listed = history.encoded, sha256("\n".join(embeddings.ids).encode()).hexdigest()[:16]
    if now is not None and (now.fingerprint, now.listed, now.others) == (encoder.fingerprint, listed, kept):
        return None
    if now is not None and now.listed == listed:
        before = frozenset(embeddings.ids)  # the same items, even if the old vectors are missing
    return Encoded(
        fingerprint=encoder.fingerprint,
        encoder=encoder.name,
        items=len(embeddings),
        dim=encoder.dim,
        seconds=seconds,
        added=None if before is None else tuple(i for i in embeddings.ids if i not in before),
        listed=listed,
        turn=history.events,
        gone=tuple(gone.items()),
        others=kept,
    )


def other_encoders(
    project: Project, pool: Pool, used: Encoder, minutes: float | None, on_progress: OnProgress | None = None
) -> list[Encoder]:
    """Return the further encoders of the config, fitted; by default those that ``auto`` names.

    None of them where several processes encode: they share the training of one encoder.
    """
    if count() > 1:
        return []
    config = project.config
    named = config.encoder.also
    if not named and config.encoder.name == "auto" and config.encoder.model is None:
        named = alternatives(pool)
    return [
        fit_encoder(
            name,
            pool,
            minutes=config.encoder.minutes if minutes is None else minutes,
            seed=config.seed,
            folder=project.folder / "encoders",
            on_progress=on_progress,
        )
        for name in dict.fromkeys(named)
        if name != used.name
    ]


def _chosen_first(history: History, encoder: Encoder, others: list[Encoder]) -> tuple[Encoder, list[Encoder]]:
    """Return the encoder to use and the others: the one that the labels chose stays in use while it is among them."""
    now = history.encoded
    if now is not None and now.others:
        chosen = next((one for one in others if one.name == now.encoder), None)
        if chosen is not None:
            return chosen, [encoder if one is chosen else one for one in others]
    return encoder, others


def fitted_encoder(
    project: Project, pool: Pool, minutes: float | None, on_progress: OnProgress | None = None
) -> Encoder:
    """Return the encoder of the config, trained on the pool or taken from the project's cache."""
    config = project.config
    settings: dict[str, Any] = {}
    if config.encoder.model is not None:
        settings["model"] = _model(project, config.encoder.model)
    if config.encoder.adapt_minutes:
        settings["adapt_minutes"] = config.encoder.adapt_minutes
    if config.encoder.precision != "auto":
        settings["precision"] = config.encoder.precision
    return fit_encoder(
        config.encoder.name,
        pool,
        **settings,
        minutes=config.encoder.minutes if minutes is None else minutes,
        seed=config.seed,
        folder=project.folder / "encoders",
        on_progress=on_progress,
    )


def standing_encoder(project: Project, history: History) -> Encoder | None:
    """Return the fine-tuned encoder in use; None if the config asks for another base encoder."""
    if (
        history.tuned is None
        or history.tuned.fingerprint is None
        or history.tuned.request != request_of(project.config)
    ):
        return None
    try:
        return load_encoder(project.folder / "encoders" / history.tuned.fingerprint)
    except EncoderError:
        return None  # its folder was deleted: only the frozen encoder can be trained again


def request_of(config: Config) -> str:
    """Return a text that identifies the encoder of a config."""
    c = config.encoder
    named = f"{c.name} {c.model or '-'} {c.minutes} {c.adapt_minutes} {config.seed}"
    return named if c.precision == "auto" else f"{named} {c.precision}"


def compare_for(
    project: Project,
    names: Sequence[str] = (),
    *,
    minutes: float | None = None,
    on_progress: OnProgress | None = None,
) -> tuple[Compared, ...]:
    """Compare encoders on a part of a project's pool, with its labels; arguments as of ``Session.compare_encoders``."""
    config, pool = project.config, project.pool()
    history = project.history()
    said = history.labels
    numbers = np.maximum(config.data.kind.numbers(list(said.values()), config.data.classes), 0)
    labels = {
        item: tuple(row) if isinstance(row, list) else row for item, row in zip(said, numbers.tolist(), strict=True)
    }
    model = None if config.encoder.model is None else _model(project, config.encoder.model)
    takes = PRETRAINED if model is None or wheel_named(model) is None else {"pretrained"}
    requests = [
        (name, {"model": model} if model is not None and name in takes else {})
        for name in names or fitting(pool.modality)
        if names or name not in PRETRAINED or (model is not None and name in takes)
    ]
    return compare_encoders(
        pool,
        requests,
        minutes=config.encoder.minutes if minutes is None else minutes,
        seed=config.seed,
        labels=labels,
        drawn=history.drawn,
        n_classes=len(config.data.classes),
        on_progress=on_progress,
    )


def _model(project: Project, model: str) -> str:
    """Resolve a pretrained model: a folder relative to the project, or else a name on the hub."""
    folder = project.folder / Path(model).expanduser()
    return str(folder) if folder.is_dir() else model
