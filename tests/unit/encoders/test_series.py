from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from activessl.encoders.invariance import within_whitening
from activessl.encoders.registry import fit_encoder
from activessl.encoders.series.convolutions import choose_dilations, convolve, kernels, learn, proportions, stack, trim
from activessl.errors import EncoderError
from activessl.pool.forms.base import Media
from activessl.pool.forms.series import vary
from activessl.pool.pool import Item, Modality, Pool
from activessl.pool.sources import load_pool


class Memory:
    """Series of any shapes, in memory."""

    modality: Modality = "series"
    location = Path("memory")

    def __init__(self, series: list[np.ndarray]) -> None:
        self.series = {f"s{i}": values.astype(np.float32) for i, values in enumerate(series)}

    def scan(self) -> list[Item]:
        return [Item(key, key, values.shape) for key, values in self.series.items()]

    def read(self, item_id: str) -> Media:
        return self.series[item_id]

    def path(self, item_id: str) -> None:
        return None

    def content(self, item_id: str) -> bytes:
        return self.series[item_id].tobytes()


def in_memory(series: list[np.ndarray]) -> Pool:
    source = Memory(series)
    return Pool(tuple(source.scan()), source)  # type: ignore[arg-type]


def encode(pool: Pool, folder: Path, features: int = 200) -> np.ndarray:
    encoder = fit_encoder("rocket", pool, folder=folder, features=features, dim=16)
    return np.concatenate(list(encoder.batches(pool, 7)))


def neighbours_agree(rows: np.ndarray, kinds: np.ndarray) -> float:
    distances = np.linalg.norm(rows[:, None] - rows[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    return float((kinds[distances.argmin(1)] == kinds).mean())


def test_noises_of_different_colour_are_told_apart_better_than_by_raw_values(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    kinds = np.arange(60) % 3
    waves = rng.normal(size=(60, 240))
    for at in range(1, 240):
        waves[:, at] += (0.9 * (kinds - 1)) * waves[:, at - 1]
    waves /= waves.std(axis=1, keepdims=True)
    assert neighbours_agree(encode(in_memory([wave[None] for wave in waves]), tmp_path, features=800), kinds) > 0.9
    assert neighbours_agree(waves, kinds) < 0.8


def test_every_kernel_sums_to_zero_and_a_convolution_is_what_its_definition_says() -> None:
    assert (kernels().sum(1) == 0).all()
    assert len({tuple(row.tolist()) for row in kernels()}) == 84
    x = np.random.default_rng(0).normal(size=(1, 30)).astype(np.float32)
    values, missing, lengths = stack([x], torch.zeros(1), torch.ones(1))
    out = convolve(values, missing, lengths, 3, torch.ones(84, 1, dtype=torch.bool), first=0)[0]
    expected = sum(float(w) * x[0, 15 + 3 * (tap - 4)] for tap, w in enumerate(kernels()[10]))
    assert float(out[10, 15]) == pytest.approx(expected, abs=1e-5)
    # even kernels count only windows inside of the series, odd ones all positions
    assert (out > -torch.inf).sum(1).tolist()[:2] == [30 - 24, 30]


def test_a_missing_value_changes_no_position_that_it_does_not_touch_and_is_never_filled() -> None:
    x = np.random.default_rng(0).normal(size=(2, 40)).astype(np.float32)
    holed = x.copy()
    holed[1, 20] = np.nan
    both = torch.ones(84, 2, dtype=torch.bool)
    first_only = torch.tensor([[True, False]]).expand(84, 2)
    for channels, touched in ((both, set(range(16, 25))), (first_only, set[int]())):
        whole = convolve(*stack([x], torch.zeros(2), torch.ones(2)), 1, channels, first=0)
        left = convolve(*stack([holed], torch.zeros(2), torch.ones(2)), 1, channels, first=0)
        gone = (left == -torch.inf) & (whole > -torch.inf)
        assert set(gone.any(1).nonzero()[:, 1].tolist()) == touched
        assert torch.equal(left[~gone], whole[~gone])


def test_a_series_padded_with_missing_values_is_the_series_itself(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    series = [rng.normal(size=(2, int(n))) for n in rng.integers(20, 50, 12)]
    padded = np.full((12, 2, 60), np.nan, np.float32)
    for row, values in enumerate(series):
        padded[row, :, 3 : 3 + values.shape[1]] = values
    np.savez(tmp_path / "padded.npz", X=padded)
    assert np.allclose(
        encode(in_memory(series), tmp_path / "a"), encode(load_pool(tmp_path / "padded.npz"), tmp_path / "b"), atol=1e-4
    )


@pytest.mark.parametrize(
    "series",
    [
        [np.array([[1.0]]), np.array([[2.0]]), np.array([[3.0]])],
        [np.full((1, 50), 0.1), np.full((1, 50), 0.1), np.full((1, 50), 7.3)],
        [np.random.default_rng(i).normal(size=(1, n)) for i, n in enumerate((1, 2, 300))],
        [np.where(np.random.default_rng(i).random((3, 40)) < 0.5, np.nan, 1e30) for i in range(3)],
        [np.where(np.arange(20) % 2, np.nan, np.ones((1, 20))) for _ in range(3)],
        [np.stack([np.full(9, np.nan), np.arange(9.0)]) for _ in range(3)],
        [np.arange(12.0)[None]],
    ],
    ids=["length 1", "constant", "lengths apart", "half missing", "no whole window", "a silent channel", "one item"],
)
def test_strange_series_give_finite_vectors(tmp_path: Path, series: list[np.ndarray]) -> None:
    vectors = encode(in_memory(series), tmp_path)
    assert vectors.shape[0] == len(series)
    assert np.isfinite(vectors).all()


def test_rounding_does_not_decide_on_which_side_of_a_bias_a_constant_series_lies() -> None:
    flat = [np.full((1, 50), value, np.float32) for value in (0.1, 1 / 3, 123.456, 1e6)]
    rocket = learn(flat, features=200, rng=np.random.default_rng(0))
    found = rocket(flat)[:, : rocket.biases.numel()].view(4, len(rocket.dilations), 84, -1)
    inside = torch.cat([found[:, i, i % 2 :: 2] for i in range(len(rocket.dilations))], dim=1)  # no zeros seen
    assert (inside == inside[0]).all()


def test_series_of_other_channels_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="s1 has 3 channels") as caught:
        encode(in_memory([np.ones((2, 9)), np.ones((3, 9))]), tmp_path)
    assert caught.value.hint


@given(length=st.integers(1, 5_000))
@settings(deadline=None)
def test_dilations_rise_from_one_and_keep_the_kernel_within_the_series(length: int) -> None:
    chosen = choose_dilations(length)
    assert chosen[0] == 1
    assert list(chosen) == sorted(set(chosen))
    assert chosen[-1] == 1 or 8 * chosen[-1] < length


@given(st.data())
@settings(deadline=None, max_examples=30)
def test_proportions_are_proportions_and_order_in_time_within_the_series_does_not_matter(data: st.DataObject) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    out = torch.from_numpy(rng.normal(size=(2, 3, 8)).astype(np.float32))
    out[torch.from_numpy(rng.random((2, 3, 8)) < 0.3)] = -torch.inf
    biases = torch.from_numpy(rng.normal(size=(3, 4)).astype(np.float32))
    found = proportions(out, biases)
    known = found[~found.isnan()]
    assert ((known >= 0) & (known <= 1)).all()
    assert torch.allclose(found, proportions(out.flip(2), biases), equal_nan=True)
    assert bool(found.isnan().any()) == bool((out == -torch.inf).all(2).any())


def test_a_view_keeps_what_is_missing_missing_and_a_series_without_values_is_one_gap() -> None:
    holed = np.where(np.arange(30) % 3 == 0, np.nan, np.ones((2, 30)))
    seen = vary(holed, np.random.default_rng(0), shortest=1.0, loudness=0.1, noise=0.1)
    assert np.array_equal(np.isnan(seen), np.isnan(holed))
    assert trim(np.full((2, 5), np.nan)).shape == (2, 1)


def test_whitening_within_items_shrinks_the_directions_in_which_views_differ() -> None:
    rng = np.random.default_rng(0)
    items = rng.normal(size=(1, 200, 4))
    views = torch.from_numpy((items + rng.normal(size=(3, 200, 4)) * [3, 1, 0.1, 0.1]).astype(np.float32))
    matrix = within_whitening(views)
    assert matrix[0, 0] < matrix[1, 1] < matrix[2, 2]
    assert torch.equal(within_whitening(torch.ones(2, 3, 4)), torch.eye(4))
