from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import ConvNextConfig, ConvNextModel, Dinov2Config, Dinov2Model

from activessl.encoders.base import Encoder
from activessl.encoders.pretrain import pretrain
from activessl.encoders.registry import fit_encoder, load_encoder
from activessl.errors import EncoderError, LabelError
from activessl.pool.pool import Pool
from activessl.pool.progress import Progress
from activessl.pool.sources import load_pool
from activessl.tuning.compare import compare_outcomes
from activessl.tuning.networks import Network, network_of
from activessl.tuning.run import Recipe, TuningRun
from activessl.tuning.tune import tune

QUICK = Recipe(batch_size=16, unlabeled=8, epochs=6, checkpoint_seconds=0.0)


@pytest.fixture(scope="module")
def pictures(quadrants: Path) -> tuple[Pool, np.ndarray]:
    return load_pool(quadrants / "pool.npz"), np.arange(96) % 2


@pytest.fixture(scope="module")
def encoders(pictures: tuple[Pool, np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("encoders")
    pretrain(pictures[0], folder=folder, steps=3, batch_size=16, dim=16, depth=2, out=2)
    fit_encoder("patches", pictures[0], folder=folder, centroids=8, field=6, grid=2, dim=3, views=0)
    return folder


def encoder_of(folder: Path, name: str) -> Encoder:
    return next(e for e in (load_encoder(f) for f in folder.iterdir() if f.is_dir()) if e.name == name)


def run_of(network: Network, pool: Pool, y: np.ndarray, checkpoint: Path, recipe: Recipe = QUICK) -> TuningRun:
    images = network.read(pool)
    return TuningRun(network, images[:40], y[:40], images[60:], recipe, 0, checkpoint)


def vectors(encoder: Encoder | Network, pool: Pool) -> np.ndarray:
    if isinstance(encoder, Network):
        with torch.no_grad():
            where = next(encoder.parameters()).device
            found: np.ndarray = encoder(encoder.read(pool).to(where).float() / 255).cpu().numpy()
            return found
    return np.concatenate(list(encoder.batches(pool, 32)))


@pytest.mark.parametrize("name", ["hybrid", "patches"])
def test_before_the_first_step_a_network_gives_its_encoders_vectors(
    name: str, pictures: tuple[Pool, np.ndarray], encoders: Path
) -> None:
    encoder = encoder_of(encoders, name)
    found, expected = vectors(network_of(encoder), pictures[0]), vectors(encoder, pictures[0])
    assert np.abs(found - expected).max() < 1e-3 * np.abs(expected).max()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "config"),
    [
        (
            Dinov2Model,
            Dinov2Config(image_size=32, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, patch_size=8),
        ),
        (ConvNextModel, ConvNextConfig(hidden_sizes=[8, 16], depths=[1, 1], num_stages=2, layer_scale_init_value=1.0)),
    ],
)
def test_a_pretrained_network_keeps_only_what_changed_beside_the_project(
    make: Any, config: Any, pictures: tuple[Pool, np.ndarray], tmp_path: Path
) -> None:
    pool, y = pictures
    make(config).save_pretrained(tmp_path / "model")
    encoder = fit_encoder("backbone", pool, folder=tmp_path / "e", model=str(tmp_path / "model"), side=32)
    before = vectors(encoder, pool)
    network = network_of(encoder, rank=2)
    assert np.allclose(vectors(network, pool), before, atol=1e-5)
    labels = {pool.ids[i]: int(y[i]) for i in range(40)}
    found = tune(
        encoder,
        pool,
        labels,
        n_classes=2,
        folder=tmp_path / "e",
        recipe=Recipe(epochs=6, batch_size=16, unlabeled=4),
        always=True,
    )
    tuned = load_encoder(tmp_path / "e" / str(found.fingerprint))
    assert tuned.name == "backbone" and tuned.fingerprint != encoder.fingerprint
    assert not np.allclose(vectors(tuned, pool), before, atol=1e-6)
    assert np.array_equal(vectors(encoder, pool), before)  # the one it starts from is as it was
    size = {f: (tmp_path / "e" / str(f) / "weights.safetensors").stat().st_size for f in (tuned.fingerprint,)}
    assert size[tuned.fingerprint] < (tmp_path / "model" / "model.safetensors").stat().st_size


@pytest.mark.slow
@pytest.mark.parametrize("name", ["hybrid", "patches"])
def test_the_loss_on_the_labels_falls_and_weights_stay_near_their_start(
    name: str, pictures: tuple[Pool, np.ndarray], encoders: Path, tmp_path: Path
) -> None:
    pool, y = pictures
    losses, moved = {}, {}
    for anchor in (0.0, 100.0):
        told: list[Progress] = []
        recipe = Recipe(batch_size=40, unlabeled=8, anchor=anchor, mixup=0.0, lr=2e-3, checkpoint_seconds=1e9)
        run = run_of(network_of(encoder_of(encoders, name)), pool, y, tmp_path / f"{anchor}", recipe)
        run.train(steps=25, on_progress=told.append)
        losses[anchor] = [step.loss or 0.0 for step in told]
        moved[anchor] = sum(float((p.detach() - s).abs().sum()) for p, s in zip(run.state.now, run.start, strict=True))
    assert np.mean(losses[0.0][-5:]) < np.mean(losses[0.0][:5])
    assert moved[100.0] < 0.5 * moved[0.0]


@pytest.mark.slow
def test_a_run_that_was_killed_goes_on_to_the_same_weights(
    pictures: tuple[Pool, np.ndarray], encoders: Path, tmp_path: Path
) -> None:
    pool, y = pictures
    encoder = encoder_of(encoders, "hybrid")
    images = network_of(encoder).read(pool)
    held = (images[40:60], y[40:60])
    whole = run_of(network_of(encoder), pool, y, tmp_path / "a")
    whole.train(steps=12, held=held)

    def kill(step: Progress) -> None:
        if step.done == 7:
            raise KeyboardInterrupt

    killed = run_of(network_of(encoder), pool, y, tmp_path / "b")
    with pytest.raises(KeyboardInterrupt):
        killed.train(steps=12, held=held, on_progress=kill)
    told: list[Progress] = []
    again = run_of(network_of(encoder), pool, y, tmp_path / "b")
    again.train(steps=12, held=held, on_progress=told.append)
    assert told[0].done == 8
    assert again.best_step == whole.best_step
    for name, array in whole.network.saved().items():
        assert np.array_equal(array, again.network.saved()[name]), name


def test_without_memory_fewer_items_go_through_at_once_and_the_result_is_nearly_the_same(
    pictures: tuple[Pool, np.ndarray], encoders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool, y = pictures
    encoder = encoder_of(encoders, "hybrid")
    recipe = Recipe(batch_size=16, unlabeled=0, checkpoint_seconds=1e9)
    enough = run_of(network_of(encoder), pool, y, tmp_path / "a", recipe)
    enough.train(steps=6)
    scarce = run_of(network_of(encoder), pool, y, tmp_path / "b", recipe)
    forward = type(scarce.network).forward

    def allocate(self: Network, images: torch.Tensor) -> torch.Tensor:
        if len(images) > 4:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory")
        return forward(self, images)

    monkeypatch.setattr(type(scarce.network), "forward", allocate)
    told: list[Progress] = []
    scarce.train(steps=6, on_progress=told.append)
    assert scarce.at_once == 4
    assert told[-1].health == {"items at once": 4.0}
    for name, array in enough.network.saved().items():
        assert np.allclose(array, scarce.network.saved()[name], atol=1e-4), name

    monkeypatch.setattr(
        type(scarce.network), "forward", lambda self, images: allocate(self, images[:1].expand(9, -1, -1, -1))
    )
    with pytest.raises(EncoderError, match="not even for one item"):
        run_of(network_of(encoder), pool, y, tmp_path / "c", recipe)


def test_another_error_than_memory_is_not_taken_for_it(
    pictures: tuple[Pool, np.ndarray], encoders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_of(network_of(encoder_of(encoders, "hybrid")), *pictures, tmp_path / "a")

    def broken(self: Network, images: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("shapes differ")

    monkeypatch.setattr(type(run.network), "forward", broken)
    with pytest.raises(RuntimeError, match="shapes differ"):
        run.train(steps=1)


@pytest.mark.slow
def test_fine_tuning_that_pays_is_found_to_pay_and_one_that_does_not_is_left(
    pictures: tuple[Pool, np.ndarray], encoders: Path, tmp_path: Path
) -> None:
    items, y = pictures
    labels = {items.ids[i]: int(y[i]) for i in range(72)}
    recipe = Recipe(batch_size=24, unlabeled=4, epochs=20, lr=2e-2, anchor=0.0, mixup=0.0, smoothing=0.0, average=0.9)
    narrow = encoder_of(encoders, "patches")
    paid = tune(narrow, items, labels, n_classes=2, folder=encoders, recipe=recipe)
    assert paid.compared.better and paid.fingerprint is not None and paid.folds == 3
    assert paid.compared.after > paid.compared.before + 0.1
    again: list[Progress] = []
    assert tune(narrow, items, labels, n_classes=2, folder=encoders, recipe=recipe, on_progress=again.append) == paid
    assert again == []  # nothing is done twice
    wide = fit_encoder("patches", items, folder=tmp_path, centroids=8, field=6, grid=2, dim=4, views=0)
    idle = tune(wide, items, labels, n_classes=2, folder=tmp_path, recipe=replace(recipe, epochs=5))
    assert idle.compared.before > 0.9  # nothing is left to gain
    assert not idle.compared.better and idle.fingerprint is None


def test_labels_that_judge_never_reach_a_network(
    pictures: tuple[Pool, np.ndarray], encoders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool, y = pictures
    encoder = encoder_of(encoders, "hybrid")
    labels = {pool.ids[i]: int(y[i]) for i in range(60)}
    judges = frozenset(pool.ids[:10])
    given: list[torch.Tensor] = []
    train = TuningRun.train

    def watched(self: TuningRun, *, held: Any = None, **more: Any) -> int:
        given.extend([self.images, self.unlabeled] if held is None else [self.images, self.unlabeled, held[0]])
        return train(self, held=held, **more)

    monkeypatch.setattr(TuningRun, "train", watched)
    recipe = replace(QUICK, epochs=1)
    found = tune(encoder, pool, labels, n_classes=2, folder=encoders, judges=judges, recipe=recipe, always=True)
    assert found.taught == tuple(sorted(labels.keys() - judges))
    assert found.compared.labels == 60  # they do say which of the two is better
    assert load_encoder(encoders / str(found.fingerprint)).decoder is None  # type: ignore[attr-defined]  # outdated
    asides = network_of(encoder).read(pool.subset(sorted(judges)))
    assert len(given) == 3 * 3 + 2
    seen = torch.cat(given)
    assert not any(bool((seen == one).flatten(1).all(1).any()) for one in asides)
    assert any(bool((seen == one).flatten(1).all(1).any()) for one in network_of(encoder).read(pool)[10:12])


@pytest.mark.parametrize("name", ["pixels"])
def test_an_encoder_without_a_network_is_refused_by_name(
    name: str, pictures: tuple[Pool, np.ndarray], tmp_path: Path
) -> None:
    encoder = fit_encoder(name, pictures[0], folder=tmp_path)
    with pytest.raises(EncoderError, match=f"'{name}' cannot be fine-tuned: it is") as caught:
        tune(encoder, pictures[0], {}, n_classes=2, folder=tmp_path)
    assert "hybrid" in caught.value.hint


def test_too_few_labels_are_refused(pictures: tuple[Pool, np.ndarray], encoders: Path) -> None:
    pool, y = pictures
    encoder = encoder_of(encoders, "hybrid")
    with pytest.raises(LabelError, match="20 labels are too few"):
        tune(encoder, pool, {pool.ids[i]: int(y[i]) for i in range(20)}, n_classes=2, folder=encoders)
    with pytest.raises(LabelError, match="too few"):
        tune(encoder, pool, dict.fromkeys(pool.ids[:40], 0), n_classes=2, folder=encoders)


def test_the_interval_of_a_difference_holds_it() -> None:
    rng, inside = np.random.default_rng(0), 0
    for _ in range(400):
        before = rng.random(80) < 0.6
        after = np.where(rng.random(80) < 0.7, before, rng.random(80) < 0.8)
        found = compare_outcomes(before, after)  # the truth: 0.3 * (0.8 - 0.6)
        inside += found.low <= 0.06 <= found.high
    assert 0.86 <= inside / 400 <= 0.96
