"""Parts of items: their places, their vectors, and the store."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from activessl.encoders.images.tensors import ImageInput
from activessl.encoders.parts import maps
from activessl.encoders.parts.base import ItemParts
from activessl.encoders.parts.registry import PARTS, choose_parts, fit_parts
from activessl.encoders.parts.store import PartStore, encode_parts
from activessl.encoders.parts.tokens import token_places
from activessl.encoders.wheels.efficientnet import folded
from activessl.encoders.wheels.image import DEPTH, LiteEncoder
from activessl.errors import EncoderError
from activessl.pool.pool import Pool
from activessl.pool.sources import load_pool

from .test_wheels import published


@pytest.fixture
def pictures(tmp_path: Path) -> Pool:
    rng = np.random.default_rng(0)
    for number in range(8):
        values = rng.integers(0, 90, (24, 36)).astype(np.uint8)
        if number % 2:
            values[4:12, 20:30] = 220
        path = tmp_path / "images" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(values).save(path)
    return load_pool(tmp_path / "images")


def texts(folder: Path, values: list[str]) -> Pool:
    pq.write_table(pa.table({"text": values}), folder / "texts.parquet")
    return load_pool(folder / "texts.parquet")


def test_cells_of_patches_tell_where_a_picture_differs(pictures: Pool, tmp_path: Path) -> None:
    encoder = fit_parts("patches", pictures, folder=tmp_path / "encoders")
    store = encode_parts(encoder, pictures, tmp_path / "parts")
    assert not store.flat and store.level(1, 0).shape[:2] == (8, 8)
    with_block, without = (store.level(row, 0).astype(float) for row in (1, 0))
    away = np.linalg.norm(with_block - without.mean(axis=(0, 1)), axis=2)
    inside = away[2:4, 5:6]  # rows 4 to 12 of 24 and columns 20 to 30 of 36, on a grid of 8
    assert inside.mean() > 1.5 * away[5:, :3].mean()


def test_the_store_is_reused_until_an_item_changes_and_refused_when_a_file_was_changed(tmp_path: Path) -> None:
    pool = texts(tmp_path, ["New York is large", "no", "a b c"])
    encoder = fit_parts("ngrams", pool, folder=tmp_path / "encoders")
    first = encode_parts(encoder, pool, tmp_path / "parts")
    stamp = (tmp_path / "parts" / "parts.json").stat().st_mtime_ns
    assert encode_parts(encoder, pool, tmp_path / "parts").ids == first.ids
    assert (tmp_path / "parts" / "parts.json").stat().st_mtime_ns == stamp
    assert [first.level(row, 0).shape for row in range(3)] == [(1, 4, 128), (1, 1, 128), (1, 3, 128)]
    assert first.places(0).tolist() == [[0, 3], [4, 8], [9, 11], [12, 17]]
    assert first.bytes_per_item == pytest.approx(8 / 3 * 256)

    path = tmp_path / "parts" / "level-0.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(EncoderError, match=r"level-0.npy was changed"):
        PartStore.load(tmp_path / "parts")
    again = encode_parts(encoder, pool, tmp_path / "parts")
    assert np.array_equal(again.level(0, 0), encode_parts(encoder, pool, tmp_path / "other").level(0, 0))

    pool = texts(tmp_path, ["New York is small", "no", "a b c"])
    assert encode_parts(encoder, pool, tmp_path / "parts").places(0).tolist()[-1] == [12, 17]
    assert json.loads((tmp_path / "parts" / "ids.json").read_text())["ids"] == list(pool.ids)


class Counting:
    """An encoder of one part an item, which counts what it encodes and may be stopped in the middle."""

    name, fingerprint, dims, flat = "counting", "f", (2,), True
    provenance: dict[str, str] = {}  # noqa: RUF012

    def __init__(self, stop_at: int = -1) -> None:
        self.seen: list[str] = []
        self.stop_at = stop_at

    def parts(self, pool: Pool, batch_size: int) -> Iterator[ItemParts]:
        for row, item in enumerate(pool.ids):
            if len(self.seen) == self.stop_at:
                raise KeyboardInterrupt
            self.seen.append(item)
            n = pool.items[row].shape[0]
            yield ItemParts((np.full((1, n, 2), n, np.float16),), np.array([[k, k + 1] for k in range(n)]))


def test_a_stopped_encoding_goes_on_and_new_items_alone_are_encoded(tmp_path: Path) -> None:
    pool = texts(tmp_path, [f"text {'x' * number}" for number in range(150)])
    first, second = Counting(stop_at=100), Counting()
    with pytest.raises(KeyboardInterrupt):
        encode_parts(first, pool, tmp_path / "parts")
    # as after a power failure: a line of the journal is cut off, and a file ends behind what the journal says
    journal = tmp_path / ".parts.growing" / "journal.jsonl"
    journal.write_text("".join(line + "\n" for line in journal.read_text().split("\n")[:90]) + '{"id": "cut')
    store = encode_parts(second, pool, tmp_path / "parts")
    assert len(first.seen) == 100 and second.seen == list(pool.ids[90:])
    assert [store.level(row, 0)[0, 0, 0] for row in (0, 89, 90, 149)] == [5, 94, 95, 154]
    assert store.places(149)[-1].tolist() == [153, 154] and store.sizes[7] == (12,)
    assert not (tmp_path / ".parts.growing").exists()

    more = texts(tmp_path, ["new", *(f"text {'x' * number}" for number in range(0, 150, 2))])
    third = Counting()
    again = encode_parts(third, more, tmp_path / "parts")
    assert third.seen == ["texts:0"] and again.level(2, 0).shape == (1, 7, 2) and again.fits(more)


def test_an_encoder_whose_parts_have_no_places_is_refused(tmp_path: Path) -> None:
    pool = texts(tmp_path, ["a b"])
    encoder = fit_parts("ngrams", pool, folder=tmp_path / "encoders")
    vectors = np.zeros((1, 2, 128), np.float16)
    for bad in (ItemParts((vectors,)), ItemParts((vectors,), np.zeros((3, 2), int)), ItemParts((vectors[:, :, 1:],))):

        class Careless:
            name, dims, flat, fingerprint, provenance = "careless", encoder.dims, True, "f", {}

            def parts(self, pool: Pool, batch_size: int, bad: ItemParts = bad) -> list[ItemParts]:
                return [bad]

        with pytest.raises(EncoderError, match="'careless' returned parts"):
            encode_parts(Careless(), pool, tmp_path / "parts")  # type: ignore[arg-type]
        assert not (tmp_path / "parts").exists()


def test_words_in_like_company_have_like_vectors(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    towns, people = ["Rome", "Oslo", "Lima", "Cork"], ["Ada", "Bo", "Cid", "Dee"]
    some = [f"we live in {rng.choice(towns)} now" for _ in range(60)]
    some += [f"then {rng.choice(people)} said yes" for _ in range(60)]
    encoder = fit_parts("ngrams", texts(tmp_path, some), folder=tmp_path / "encoders")
    from activessl.encoders.parts.ngrams import COMPANY, LETTERS, NgramEncoder

    assert isinstance(encoder, NgramEncoder)
    company = encoder.vectors(["Rome", "Lima", "Bo", "unseen"])[:, LETTERS : LETTERS + COMPANY]
    near, far = company[0] @ company[1], company[0] @ company[2]
    assert near > 2 * abs(far) and not company[3].any()


def test_windows_cover_a_series_and_tell_its_segments_apart(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    t = np.arange(100)
    x = np.stack([np.concatenate([np.sin(t / 2), np.sin(t / 9)]) + 0.1 * rng.normal(size=200) for _ in range(6)])
    x[0, :3] = np.nan  # missing at the start: windows keep their place
    np.savez(tmp_path / "x.npz", X=x.astype(np.float32))
    pool = load_pool(tmp_path / "x.npz")
    encoder = PARTS.get("windows").fit(pool, folder=tmp_path / "encoders", step=7)
    found = list(encoder.parts(pool, 4))
    assert found[0].bounds is not None and found[0].bounds[0].tolist() == [0, 7]
    assert found[0].bounds[-1].tolist() == [196, 200]
    vectors = found[1].levels[0][0].astype(float)
    first, second = vectors[2:12].mean(axis=0), vectors[17:27].mean(axis=0)
    assert np.linalg.norm(first - second) > 2 * np.linalg.norm(vectors[2:12] - first, axis=1).mean()
    again = PARTS.get("windows").fit(pool, folder=tmp_path / "encoders", step=7)
    assert again.fingerprint == encoder.fingerprint


def test_a_recording_has_a_part_for_every_sample_of_it(tmp_path: Path) -> None:
    clips = [np.sin(np.arange(n) / 3) * 9_000 for n in (8_000, 37)]
    offsets = np.cumsum([0, *map(len, clips)])
    np.savez(
        tmp_path / "x.npz", data=np.concatenate(clips).astype(np.int16), offsets=offsets, sample_rate=np.array(8000)
    )
    pool = load_pool(tmp_path / "x.npz")
    encoder = fit_parts("auto", pool, folder=tmp_path)
    for one, clip in zip(encoder.parts(pool, 2), clips, strict=True):
        assert one.bounds is not None
        assert one.bounds[0, 0] == 0 and one.bounds[-1, 1] == len(clip)
        assert np.array_equal(one.bounds[1:, 0], one.bounds[:-1, 1])
        assert one.levels[0].shape == (1, len(one.bounds), 64)


def test_tokens_are_found_in_any_script_and_marks_stay_with_their_letters() -> None:
    text = "@rom_a’s ไทย हिन्दी 1.5"
    assert [text[a:b] for a, b in token_places(text)] == [
        "@",
        "rom",
        "_",
        "a",
        "’",
        "s",
        "ไ",
        "ท",
        "ย",
        "हिन्दी",
        "1",
        ".",
        "5",
    ]
    assert token_places("").tolist() == [[0, 1]] and token_places("  ").tolist() == [[0, 2]]


@pytest.mark.slow
def test_onnx_runtime_gives_the_maps_of_torch_at_four_strides(pictures: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    network = LiteEncoder("f", {}, ImageInput(64, 3), folded(published(), DEPTH))
    encoder = maps.MapEncoder(network)
    some = pictures.subset(pictures.ids[:2])
    by_graph = list(encoder.parts(some, 2))
    monkeypatch.setattr(maps, "_session", lambda network: None)
    by_torch = list(encoder.parts(some, 2))
    assert [level.shape for level in by_graph[0].levels] == [(16, 16, 24), (8, 8, 48), (4, 4, 120), (2, 2, 352)]
    for a, b in zip(by_graph, by_torch, strict=True):
        for one, other in zip(a.levels, b.levels, strict=True):
            assert np.allclose(one, other, atol=5e-3 * np.abs(other).max())


def test_a_form_without_parts_and_an_encoder_of_another_form_are_refused() -> None:
    with pytest.raises(EncoderError, match="'vector' have no parts"):
        choose_parts("auto", "vector")
    with pytest.raises(EncoderError, match="'patches' gives no parts of items of the form 'text'") as error:
        choose_parts("patches", "text")
    assert "ngrams" in error.value.hint
