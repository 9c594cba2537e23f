"""Series through the transformer: length 1, constants, gaps, unequal lengths, and a run taken up again."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from activessl.encoders.pretrain import load, pretrain
from activessl.encoders.registry import fitting
from activessl.encoders.series.augment import SeriesViews
from activessl.encoders.series.patches import SPAN, SeriesShape, cut, line_up, regions, series_vectors, uncut
from activessl.encoders.series.transformer import SeriesTransformer
from activessl.encoders.training.hybrid import Objective, Weights
from activessl.encoders.training.masked import masked_loss, random_keep
from activessl.encoders.training.vit import Patches, ViT
from activessl.errors import EncoderError
from activessl.pool.pool import Pool
from activessl.pool.progress import Progress
from activessl.pool.sources import load_pool

QUICK = {"batch_size": 8, "dim": 8, "depth": 1, "heads": 2, "checkpoint_seconds": 0.0}


def pool_of(folder: Path, values: np.ndarray) -> Pool:
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "s.npz", X=values.astype(np.float32))
    return load_pool(folder / "s.npz")


@pytest.fixture
def waves(tmp_path: Path) -> Pool:
    """Two speeds, two channels, lengths from 30 to 60."""
    rng = np.random.default_rng(0)
    time = np.arange(60) / 5
    speed = np.where(np.arange(40) % 2, 1.0, 2.5)[:, None]
    wave = np.sin(speed * time + rng.uniform(0, 6, (40, 1))) + rng.normal(0, 0.2, (40, 60))
    both = np.stack([wave, -wave], axis=1)
    for row, length in enumerate(rng.integers(30, 61, 40)):
        both[row, :, length:] = np.nan
    both[3, 0, 10:20] = np.nan
    return pool_of(tmp_path / "waves", both)


def vectors(encoder: SeriesTransformer, pool: Pool) -> np.ndarray:
    return np.concatenate(list(encoder.batches(pool, 16)))


@pytest.mark.parametrize("encoder", ["hybrid", "masked", "contrastive"])
def test_a_run_that_was_killed_goes_on_to_the_same_weights(waves: Pool, tmp_path: Path, encoder: str) -> None:
    whole = pretrain(waves, folder=tmp_path / "a", encoder=encoder, steps=6, seed=5, **QUICK)

    def kill(step: Progress) -> None:
        if step.done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pretrain(waves, folder=tmp_path / "b", encoder=encoder, steps=6, seed=5, on_progress=kill, **QUICK)
    told: list[Progress] = []
    resumed = pretrain(waves, folder=tmp_path / "b", encoder=encoder, steps=6, seed=5, on_progress=told.append, **QUICK)
    assert told[1].done == 4
    assert resumed.fingerprint == whole.fingerprint
    again = load(tmp_path / "b" / resumed.fingerprint)
    assert isinstance(again, SeriesTransformer)
    assert (again.decoder is None) == (encoder == "contrastive")
    np.testing.assert_array_equal(vectors(again, waves), vectors(whole, waves))


@pytest.mark.slow
def test_what_was_learned_tells_two_speeds_apart(waves: Pool, tmp_path: Path) -> None:
    told: list[Progress] = []
    encoder = pretrain(waves, folder=tmp_path, steps=60, on_progress=told.append, **(QUICK | {"dim": 16}))
    assert told[-1].loss is not None and told[1].loss is not None
    assert told[-1].loss < told[1].loss
    rows = vectors(encoder, waves)
    rows = rows - rows.mean(0)
    near = rows @ rows.T / np.outer(*[np.linalg.norm(rows, axis=1)] * 2)
    np.fill_diagonal(near, -np.inf)
    right = (near.argmax(1) % 2 == np.arange(40) % 2).mean()
    assert right > 0.8


@pytest.mark.parametrize(
    "values",
    [
        np.ones((6, 1, 1)),  # length 1
        np.full((6, 2, 20), 3.0),  # constant
        np.concatenate([np.full((6, 1, 20), np.nan), np.random.default_rng(0).normal(size=(6, 1, 20))], axis=1),
        np.random.default_rng(0).normal(size=(3, 1, 7)),  # three items
        np.where(np.random.default_rng(0).random((6, 2, 30)) < 0.7, np.nan, 1.5),
    ],
    ids=["length 1", "constant", "a channel of NaN", "three items", "mostly missing"],
)
def test_series_that_hardly_say_anything_get_finite_vectors(tmp_path: Path, values: np.ndarray) -> None:
    pool = pool_of(tmp_path / "odd", values)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        for encoder in ("hybrid", "masked"):
            made = pretrain(pool, folder=tmp_path, encoder=encoder, steps=3, **QUICK)
            assert np.isfinite(vectors(made, pool)).all()


def test_a_series_longer_than_what_is_read_at_once_is_read_in_stretches(waves: Pool, tmp_path: Path) -> None:
    encoder = pretrain(waves, folder=tmp_path, steps=2, patch=1, **QUICK)
    long = pool_of(tmp_path / "long", np.random.default_rng(0).normal(size=(2, 2, 3 * SPAN + 5)))
    rows = vectors(encoder, long)
    assert np.isfinite(rows).all()
    assert not np.allclose(rows[0], rows[1])


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 3), st.integers(1, 40), st.integers(1, 7), st.integers(0, 1000))
def test_what_is_cut_can_be_put_together_again(channels: int, length: int, patch: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = torch.from_numpy(rng.normal(size=(2, channels, length)).astype(np.float32))
    values[torch.from_numpy(rng.random(values.shape) < 0.3)] = torch.nan
    patches = cut(values, patch)
    assert patches.known is not None
    again = uncut(patches.values, channels)[..., :length]
    known = uncut(patches.known.float(), channels)[..., :length] > 0
    assert torch.equal(known, ~values.isnan())
    assert torch.equal(again[known], values[known])


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 60), st.integers(1, 5), st.integers(0, 1000))
def test_padding_changes_no_vector(length: int, patch: int, seed: int) -> None:
    torch.manual_seed(seed)
    vit = ViT(SeriesShape(2, patch, dim=8, depth=1, heads=2)).eval()
    short = torch.randn(2, length)
    alone = series_vectors(vit, cut(line_up([short]), patch), 3)
    beside = series_vectors(vit, cut(line_up([short, torch.randn(2, 2 * SPAN)]), patch), 3)
    assert torch.allclose(alone[0], beside[0], atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 30), st.integers(0, 1000))
def test_every_region_has_weights_of_sum_one_on_what_is_there(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    there = torch.from_numpy(rng.random((3, n)) < 0.5)
    there[:, int(rng.integers(n))] = True
    weights = regions(there, 4)
    assert torch.allclose(weights.sum(2), torch.ones(3, 4))
    assert (weights[~there[:, None].expand(-1, 4, -1)] == 0).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.floats(0.05, 1.0))
def test_an_item_of_fewer_patches_shows_fewer_and_never_none(seed: int, fraction: float) -> None:
    rng = np.random.default_rng(seed)
    there = torch.from_numpy(rng.random((5, 12)) < 0.6)
    there[:, 0] = True
    keep = random_keep(5, 12, fraction, torch.Generator().manual_seed(seed), there)
    shown = there.gather(1, keep).sum(1)
    assert (shown >= 1).all()
    assert (shown <= (there.sum(1) * fraction).round().clamp_min(1) + 1).all()
    assert all(len(set(row)) == len(row) for row in keep.tolist())


def test_missing_values_reach_neither_the_encoder_nor_the_loss() -> None:
    torch.manual_seed(0)
    series = torch.randn(1, 2, 12)
    series[0, 0, 2:9] = torch.nan
    one, two = cut(series, 3), cut(series, 3)
    assert two.known is not None
    assert (one.values[~two.known] == 0).all()
    assert torch.equal(one.values, two.values)
    keep = torch.tensor([[0]])
    drawn = torch.zeros_like(one.values)
    spoiled = drawn.masked_fill(~two.known, 1e6)
    loss = masked_loss(drawn, one.values, keep, one.known)
    assert torch.equal(loss, masked_loss(spoiled, one.values, keep, one.known))
    assert loss > 0


def test_one_objective_trains_both_parts_on_series_of_unequal_length() -> None:
    torch.manual_seed(0)
    views = [cut(line_up([torch.randn(2, n) for n in lengths]), 4) for lengths in ((9, 30, 17, 4), (30, 12, 8, 25))]
    known = torch.stack([view.known for view in views if view.known is not None])
    batch = Patches(torch.stack([view.values for view in views]), known)
    objective = Objective(SeriesShape(2, 4, dim=8, depth=1, heads=2), Weights())
    losses = objective(batch, torch.Generator().manual_seed(0))
    losses["total"].backward()
    assert all(bool(value.isfinite()) for value in losses.values())
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in objective.encoder.blocks.parameters())


def test_a_view_keeps_what_is_missing_missing_and_leaves_one_channel_at_least() -> None:
    series = torch.randn(4, 3, 50)
    series[:, 1] = torch.nan
    lengths = torch.full((4,), 50)
    views = SeriesViews(drop=1.0)
    seen = views(series, lengths, torch.Generator().manual_seed(1))
    assert seen[:, 1].isnan().all()
    assert torch.equal(seen.nan_to_num(), views(series, lengths, torch.Generator().manual_seed(1)).nan_to_num())
    heard = views(torch.randn(4, 3, 50), lengths, torch.Generator().manual_seed(1))
    assert torch.equal((~heard[:, :, 0].isnan()).sum(1), torch.ones(4, dtype=torch.long))
    still = SeriesViews(shortest=1.0, speed=1.0, loudness=0.0, noise=0.0, drop=0.0)
    assert torch.allclose(still(series, lengths, torch.Generator())[:, 0], series[:, 0], atol=1e-5)
    bounded = views(series, lengths, torch.Generator().manual_seed(1), longest=9)
    assert bounded.shape[2] <= 9


def test_the_three_are_offered_for_series_and_refuse_what_they_cannot_use(waves: Pool, tmp_path: Path) -> None:
    assert set(fitting("series")) >= {"contrastive", "hybrid", "masked", "rocket"}
    for bad in ({"side": 32}, {"patch": 0}, {"dim": 10}):
        with pytest.raises(EncoderError) as caught:
            pretrain(waves, folder=tmp_path, steps=1, **bad)
        assert caught.value.hint
    other = pool_of(tmp_path / "other", np.ones((3, 1, 20)))
    encoder = pretrain(waves, folder=tmp_path, steps=1, **QUICK)
    with pytest.raises(EncoderError, match="channels"):
        vectors(encoder, other)
