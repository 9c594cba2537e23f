from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from activessl.encoders.health import effective_rank, health
from activessl.encoders.images.augment import SLIGHT, Augmentation
from activessl.encoders.images.tensors import ImageInput, choose_input
from activessl.encoders.pretrain import pretrain
from activessl.encoders.training.hybrid import Objective, Weights
from activessl.encoders.training.masked import masked_loss, random_keep
from activessl.encoders.training.material import pool_tokens
from activessl.encoders.training.schedule import Schedule, improves_no_more
from activessl.encoders.training.vit import Patches, ViT, ViTConfig, patchify
from activessl.errors import EncoderError
from activessl.pool.pool import Pool
from activessl.pool.progress import Progress
from activessl.pool.sources import load_pool

QUICK = {"batch_size": 16, "dim": 16, "depth": 1, "checkpoint_seconds": 0.0}


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Pool:
    """Stripes of two directions and any phase, with noise: a class that pixels do not show at once."""
    rng = np.random.default_rng(0)
    at = np.arange(16) * 0.8
    phase = rng.uniform(0, 6, (64, 1, 1))
    wave = np.sin(np.where(np.arange(64)[:, None, None] % 2, at[None, :, None], at[None, None, :]) + phase)
    wave = np.broadcast_to(wave, (64, 16, 16))
    images = np.clip(127 + 80 * wave + rng.normal(0, 20, (64, 16, 16)), 0, 255).astype(np.uint8)
    path = tmp_path_factory.mktemp("stripes") / "stripes.npz"
    np.savez(path, images=images)
    return load_pool(path)


def test_the_loss_falls(pool: Pool, tmp_path: Path) -> None:
    told: list[Progress] = []
    pretrain(pool, folder=tmp_path, steps=25, on_progress=told.append, **(QUICK | {"checkpoint_seconds": 60.0}))
    assert told[-1].done == told[-1].total == 25
    assert told[-1].loss is not None
    assert told[1].loss is not None
    assert told[-1].loss < 0.9 * told[1].loss
    assert told[-1].health is not None
    assert told[-1].health["effective_rank"] > 1
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.slow
@pytest.mark.parametrize("encoder", ["hybrid", "masked"])
def test_a_run_that_was_killed_goes_on_to_the_same_weights(pool: Pool, tmp_path: Path, encoder: str) -> None:
    whole = pretrain(pool, folder=tmp_path / "a", encoder=encoder, steps=9, seed=5, **QUICK)

    def kill(step: Progress) -> None:
        if step.done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pretrain(pool, folder=tmp_path / "b", encoder=encoder, steps=9, seed=5, on_progress=kill, **QUICK)
    told: list[Progress] = []
    resumed = pretrain(pool, folder=tmp_path / "b", encoder=encoder, steps=9, seed=5, on_progress=told.append, **QUICK)
    assert told[1].done == 7  # the killed step was not yet on disk
    assert resumed.fingerprint == whole.fingerprint
    assert pretrain(pool, folder=tmp_path / "c", encoder=encoder, steps=9, seed=6, **QUICK).fingerprint != (
        whole.fingerprint
    )


def test_a_damaged_checkpoint_means_to_start_again(pool: Pool, tmp_path: Path) -> None:
    def kill(step: Progress) -> None:
        if step.done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pretrain(pool, folder=tmp_path, steps=4, on_progress=kill, **QUICK)
    (checkpoint,) = tmp_path.glob(".training-*")
    checkpoint.write_bytes(checkpoint.read_bytes()[:100])
    told: list[Progress] = []
    pretrain(pool, folder=tmp_path, steps=4, on_progress=told.append, **QUICK)
    assert told[1].done == 1


def test_what_was_trained_is_found_again_without_training(pool: Pool, tmp_path: Path) -> None:
    first = pretrain(pool, folder=tmp_path, steps=2, **QUICK)
    told: list[Progress] = []
    again = pretrain(pool, folder=tmp_path, steps=2, on_progress=told.append, **QUICK)
    assert (again.fingerprint, told) == (first.fingerprint, [])


def test_minutes_become_a_fixed_number_of_steps(pool: Pool, tmp_path: Path) -> None:
    encoder = pretrain(pool, folder=tmp_path, minutes=0.005, **QUICK)
    assert encoder.provenance["steps"] >= 10


def test_the_global_generator_is_left_alone(pool: Pool, tmp_path: Path) -> None:
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    pretrain(pool, folder=tmp_path, steps=1, **QUICK)
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize(
    "bad",
    [{"steps": 0}, {"minutes": 0.0}, {"encoder": "dino"}, {"dim": 10}, {"heads": 0}, {"colour": 1}, {"side": 4}],
)
def test_settings_that_cannot_be_used_are_refused_with_a_hint(
    pool: Pool, tmp_path: Path, bad: dict[str, object]
) -> None:
    with pytest.raises(EncoderError) as caught:
        pretrain(pool, folder=tmp_path, **bad)  # type: ignore[arg-type]
    assert caught.value.hint


def test_one_image_and_a_pool_of_vectors_are_refused(pool: Pool, tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="one image item"):
        pretrain(pool.subset(pool.ids[:1]), folder=tmp_path, steps=1)
    np.savez(tmp_path / "v.npz", vectors=np.eye(3))
    with pytest.raises(EncoderError, match="not vector"):
        pretrain(load_pool(tmp_path / "v.npz"), folder=tmp_path, steps=1)


def test_a_loss_that_is_no_longer_finite_stops_the_run(pool: Pool, tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="loss is"):
        pretrain(pool, folder=tmp_path, steps=60, **(QUICK | {"lr": 1e12}))


def test_images_of_any_size_depth_and_colour_become_one_tensor(tmp_path: Path) -> None:
    image = ImageInput(side=8, channels=3, scale16=1000.0)
    deep = np.full((30, 7, 1), 500, np.uint16)
    assert image.tensor(deep).shape == (3, 8, 8)
    assert abs(int(image.tensor(deep)[0, 0, 0]) - 127) <= 1
    assert image.tensor(np.full((4, 4, 1), 60_000, np.uint16)).max() == 255
    np.savez(tmp_path / "deep.npz", images=np.random.default_rng(0).integers(0, 4096, (5, 200, 300), dtype=np.uint16))
    chosen = choose_input(load_pool(tmp_path / "deep.npz"))
    assert (chosen.side, chosen.channels) == (64, 1)
    assert 4000 < chosen.scale16 < 4096


def test_the_loss_of_drawing_looks_only_at_what_was_hidden() -> None:
    patches = torch.rand(2, 4, 9)
    keep = torch.tensor([[0, 1], [2, 3]])
    drawn = torch.zeros(2, 4, 9)
    spoiled = drawn.clone()
    spoiled[0, :2] = 100
    spoiled[1, 2:] = 100
    assert torch.equal(masked_loss(drawn, patches, keep), masked_loss(spoiled, patches, keep))
    assert random_keep(2, 4, 0.01, torch.Generator()).shape == (2, 1)


def test_a_hidden_patch_does_not_reach_the_encoder() -> None:
    torch.manual_seed(0)
    vit = ViT(ViTConfig(side=8, channels=1, patch=4, dim=8, heads=2, depth=1))
    patches = patchify(torch.rand(1, 1, 8, 8), 4)
    keep = torch.tensor([[0, 2]])
    spoiled = patches.clone()
    spoiled[0, 1] = 9
    assert torch.equal(vit(patches, keep), vit(spoiled, keep))


def test_one_objective_trains_both_parts() -> None:
    torch.manual_seed(0)
    objective = Objective(ViTConfig(side=8, channels=1, patch=4, dim=8, heads=2, depth=1), Weights())
    objective(Patches(torch.rand(2, 4, 4, 16)), torch.Generator())["total"].backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in objective.encoder.blocks.parameters())
    assert Objective(ViTConfig(8, 1, 4), Weights(masked=0)).decoder is None
    assert Objective(ViTConfig(8, 1, 4), Weights(contrastive=0)).projector is None


def test_views_differ_from_each_other_and_keep_their_shape() -> None:
    images = torch.rand(3, 1, 12, 12, generator=torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(0)
    one, two = Augmentation()(images, generator), Augmentation()(images, generator)
    assert one.shape == images.shape
    assert not torch.allclose(one, two)
    still = Augmentation(min_area=1.0, stretch=1.0, mirror=False, light=0.0)
    assert torch.allclose(still(images, generator), images, atol=1e-5)


def test_health_tells_collapsed_from_spread_vectors() -> None:
    spread = np.random.default_rng(0).normal(size=(60, 6))
    collapsed = np.outer(np.random.default_rng(1).normal(size=60), np.ones(6))
    assert effective_rank(spread) > 5 > 2 > effective_rank(collapsed)
    figures = health(spread, spread)
    assert figures["alignment"] == 0
    assert figures["neighbour_agreement"] == 1
    assert figures["uniformity"] < health(np.ones((5, 6)), np.ones((5, 6)))["uniformity"]


@pytest.mark.slow
def test_a_run_that_learns_nothing_more_ends_early_and_says_why_even_when_it_was_killed(
    pool: Pool, tmp_path: Path
) -> None:
    # a rate this small changes no figure, and a patience of two looks is short
    slow = QUICK | {"lr": 1e-9, "patience": 2}
    told: list[Progress] = []
    whole = pretrain(
        pool, folder=tmp_path / "a", steps=200, on_progress=told.append, **(slow | {"checkpoint_seconds": 60.0})
    )
    assert whole.provenance["steps"] == told[-1].done == told[-1].total == 50  # looks at 10, 20, 30; then a tenth
    assert "did not improve in 2 checks" in whole.provenance["ended"]
    assert told[-1].note == whole.provenance["ended"]

    def kill(step: Progress) -> None:
        if step.done == 24:  # between the looks that decide
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pretrain(pool, folder=tmp_path / "b", steps=200, on_progress=kill, **slow)
    again = pretrain(pool, folder=tmp_path / "b", steps=200, **slow)
    assert (again.provenance["steps"], again.fingerprint) == (50, whole.fingerprint)


def test_better_neighbours_or_a_higher_rank_keep_a_run_going() -> None:
    level = [{"neighbour_agreement": 0.5, "effective_rank": 10.0}] * 4
    assert improves_no_more(level, 2)
    assert not improves_no_more([*level, {"neighbour_agreement": 0.51, "effective_rank": 10.0}], 2)
    assert not improves_no_more([*level, {"neighbour_agreement": 0.5, "effective_rank": 10.2}], 2)
    assert not improves_no_more(level, 4)
    assert not improves_no_more(level * 10, 0)


def test_a_rate_never_rises_after_a_tenth_and_reaches_almost_zero_however_a_run_ends() -> None:
    for schedule in (Schedule(100), Schedule(100).end_after(30), Schedule(1), Schedule(7)):
        rates = [schedule.rate(step) for step in range(schedule.total)]
        assert all(0 < rate <= 1 for rate in rates)
        assert rates[10:] == sorted(rates[10:], reverse=True)
        assert len(rates) < 10 or rates[-1] < 0.1
    assert Schedule(100).end_after(85) == Schedule(100)
    assert not any(Schedule(100).looks(step) for step in range(101))


def test_it_says_what_it_will_do_before_it_does_it_and_nothing_when_it_is_done(pool: Pool, tmp_path: Path) -> None:
    told: list[Progress] = []
    pretrain(pool, folder=tmp_path, steps=2, on_progress=told.append, **QUICK)
    assert (told[0].stage, told[0].total) == ("plan", 0)
    assert (
        told[0].note == "hybrid: training on 64 items, 2 steps, or less if the figures of the embedding stop improving"
    )


def test_no_direction_of_the_vectors_stands_out_for_slight_changes(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = torch.from_numpy(np.stack([pool.read(i) for i in range(len(pool))])).permute(0, 3, 1, 2)

    def unevenness(folder: Path) -> float:
        encoder = pretrain(pool, folder=folder, steps=5, **QUICK)
        generator = torch.Generator().manual_seed(9)
        views = [
            pool_tokens(
                encoder.vit, encoder.patches(SLIGHT(images.float() / 255, generator).clamp(0, 1) * 255), encoder.grid
            )
            for _ in range(4)
        ]
        moved = ((torch.stack(views) - torch.stack(views).mean(0)) @ encoder.pca).flatten(0, 1)
        spread = torch.linalg.eigvalsh(moved.T @ moved)
        return float(spread.max() / spread.mean())

    whitened = unevenness(tmp_path / "a")
    monkeypatch.setattr("activessl.encoders.pretrain.SLIGHT", None)
    assert whitened < 0.5 * unevenness(tmp_path / "b")


@pytest.mark.slow
def test_training_in_bfloat16_ends_close_to_training_in_float32(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activessl.encoders.training.hybrid.training_precision", lambda device: "float32")
    wide = pretrain(pool, folder=tmp_path / "a", steps=15, **QUICK)
    monkeypatch.setattr(
        "activessl.encoders.training.hybrid.training_precision", lambda device: "bfloat16"
    )  # as on a GPU
    narrow = pretrain(pool, folder=tmp_path / "b", steps=15, **QUICK)
    assert narrow.fingerprint != wide.fingerprint
    assert narrow.provenance["loss"] == pytest.approx(wide.provenance["loss"], rel=0.01)
