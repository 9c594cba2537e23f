"""``activessl simulate``: simulate labeling on data whose labels are known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from activessl.errors import ConfigError
from activessl_cli import render
from activessl_cli.options import JsonOption

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

StrategyOption = Annotated[
    list[str] | None,
    typer.Option("--strategy", "-s", help="A strategy to compare with random choice; repeat the option for several."),
]

#: Items of a trial project; more take longer and show the same.
MOST_ITEMS = 1_500
EXPLAINED = (
    "hold: share of projects, or classes, whose 90 % interval contains the truth, with a 90 % interval of this share.\n"
    "Use 20 seeds or more.\n"
    "width: of the accuracy's interval, divided by the exact interval of the labeled draws plus the unlabeled share.\n"
    "promise broken: more accepted items were wrong than promised; at most 10 % of the projects may."
)


def simulate(
    source: Annotated[
        Path,
        typer.Argument(
            help="A folder with one folder per class, or a .csv, .jsonl, .parquet or .npz file with labels; or data "
            "with regions: a COCO or VOC folder, images/ and masks/, CoNLL, tokens and tags, series with segments."
        ),
    ],
    strategy: StrategyOption = None,
    seeds: Annotated[int, typer.Option(min=1, help="Number of paired repetitions.")] = 5,
    budgets: Annotated[str, typer.Option(help="Label counts to measure at, such as 10,20,40.")] = "",
    head: Annotated[str, typer.Option(help="The head.")] = "logistic",
    encoder: Annotated[str, typer.Option(help="The encoder, if the source has no vectors.")] = "auto",
    minutes: Annotated[float, typer.Option(min=0.01, help="Training time of the encoder, in minutes.")] = 1.0,
    random_share: Annotated[
        float, typer.Option(min=0, max=1, help="Part of each round that is drawn at random, as in projects.")
    ] = 0.1,
    seed: Annotated[int, typer.Option(min=0, help="The first seed.")] = 0,
    jobs: Annotated[int, typer.Option(min=1, help="Number of processes.")] = 1,
    cache: Annotated[
        Path | None, typer.Option(help="Keep finished seeds in this folder, to continue after an interruption.")
    ] = None,
    people: Annotated[
        list[str] | None,
        typer.Option(
            help="Instead, simulate whole projects with people as they are, and print how often the figures hold: "
            "`all`, a habit, or settings such as skips=0.1,follows=0.5; repeat the option for several."
        ),
    ] = None,
    regions: Annotated[str | None, typer.Option(help="For data with regions of several kinds: box or mask.")] = None,
    seconds: Annotated[
        str | None,
        typer.Option(
            help="For data with regions: seconds of people for an item and for a region that is drawn, and if it is "
            "known, for a suggested region that is corrected, such as 3,8,2; `activessl status` has those of a project."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Simulate labeling on data whose labels are known, and compare strategies with random choice."""
    from activessl.measuring.simulation import simulate as replay

    if people:
        if strategy or budgets:
            raise ConfigError(
                "--people simulates projects as they are: it has no --strategy and no --budgets",
                hint="leave these options out",
            )
        _trials(source, people, seeds, seed, encoder, minutes, cache, as_json)
        return
    from activessl_cli.commands.simulate_regions import regions_of, simulate_regions

    if (data := regions_of(source, regions)) is not None:
        if head != "logistic":
            raise ConfigError(f"the head {head!r} gives no regions", hint="leave out --head")
        if jobs > 1:
            render.story("data with regions are simulated in one process")
        simulate_regions(
            data,
            strategies=list(strategy or ["auto"]),
            seeds=seeds,
            budgets=_budgets(budgets),
            encoder=encoder,
            minutes=minutes,
            random_share=random_share,
            seed=seed,
            cache=cache,
            seconds=seconds or "3,8",
            as_json=as_json,
        )
        return
    if seconds is not None:
        raise ConfigError(f"{source} holds no regions: --seconds are of regions", hint="leave out --seconds")
    vectors, labels, names, split, machine = _labeled_vectors(source, encoder, minutes, seed)
    n_classes = len(names)
    # without a split, the hold-out is a fifth of the items, at least one per class
    free = int(0.8 * len(labels)) - n_classes if split is None else int((split == 0).sum())
    counts = (
        _budgets(budgets) if budgets else tuple(b for b in (n_classes * m for m in (1, 2, 5, 10, 20, 40)) if b <= free)
    )
    with render.progress("simulate") as on_progress:
        outcome = replay.simulate(
            vectors,
            labels,
            n_classes=n_classes,
            split=split,
            strategies=tuple(strategy or ["auto"]),
            seeds=seeds,
            budgets=counts,
            head=head,
            seed=seed,
            jobs=jobs,
            random_share=random_share,
            cache=cache,
            on_progress=on_progress,
            machine=machine,
        )
    render.result(outcome.to_dict(), outcome.to_text(), as_json=as_json)


def _trials(
    source: Path,
    people: list[str],
    projects: int,
    seed: int,
    encoder: str,
    minutes: float,
    cache: Path | None,
    as_json: bool,
) -> None:
    """Simulate projects, and print how often their figures hold."""
    import tempfile

    import numpy as np

    from activessl.labels.kinds import kind_of
    from activessl.trials.people import HABITS, people_of
    from activessl.trials.project import Ground
    from activessl.trials.study import study

    kinds = dict(HABITS) if people == ["all"] else {name: people_of(name) for name in people}
    vectors, labels, _, split, _ = _labeled_vectors(source, encoder, minutes, seed)
    if kind_of(labels).independent:
        raise ConfigError("items with several classes cannot be simulated with --people", hint="leave --people out")
    rows = np.arange(len(labels)) if split is None else np.flatnonzero(split == 0)
    if len(rows) > MOST_ITEMS:
        render.story(f"{MOST_ITEMS:,} of {len(rows):,} items are used, drawn at random")
        rows = np.sort(np.random.default_rng(seed).choice(rows, MOST_ITEMS, replace=False))
    with tempfile.TemporaryDirectory() as folder, render.progress("simulate") as on_progress:
        ground = Ground.make(source.name, vectors[rows], labels[rows], Path(folder))
        if cache is not None:
            cache.mkdir(parents=True, exist_ok=True)
        found = study(
            [ground],
            kinds,
            projects=projects,
            seed=seed,
            cache=None if cache is None else cache / "people.jsonl",
            on_progress=on_progress,
        )
    render.result(found.to_dict(), f"{found.to_text()}\n\n{EXPLAINED}", as_json=as_json)


def _budgets(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.replace(" ", "").split(",") if part)
    except ValueError:
        raise ConfigError(f"budgets {text!r} are not label counts", hint="give numbers: --budgets 10,20,40") from None


def _labeled_vectors(
    source: Path, encoder: str, minutes: float, seed: int
) -> tuple[Array, Array, tuple[str, ...], Array | None, Array | None]:
    """Return vectors, class indices, class names, split, and a machine's answers of a labeled source; train an encoder
    if needed."""
    import tempfile

    from activessl.encoders.embeddings import embed
    from activessl.encoders.registry import fit_encoder
    from activessl.errors import LabelError
    from activessl.labels.kinds import kind_of
    from activessl.pool.sources import load_pool
    from activessl.pool.stored_labels import read_labels, read_machine

    pool = load_pool(source)
    if pool.unreadable:
        first = pool.unreadable[0]
        render.story(
            f"{len(pool.unreadable):,} items could not be read and are left out; the first is {first.id}: {first.why}"
        )
    found = read_labels(pool)
    if found is None:
        raise LabelError(
            f"{source} has no labels",
            hint="give one folder per class, a column `label` in a table, or an array `labels` in an .npz file",
        )
    several = kind_of(found.labels).independent
    count = found.labels.shape[1] if several else int(found.labels.max()) + 1
    names = found.class_names or tuple(str(k) for k in range(count))
    with tempfile.TemporaryDirectory() as folder, render.progress("encode") as on_progress:
        made = fit_encoder(
            encoder if pool.form.shown else pool.form.encoder[0],
            pool,
            minutes=minutes,
            seed=seed,
            folder=Path(folder),
            on_progress=on_progress,
        )
        vectors = embed(made, pool, Path(folder) / "vectors", on_progress=on_progress).vectors[:]
    return vectors, found.labels, names, found.split, read_machine(pool, names)
