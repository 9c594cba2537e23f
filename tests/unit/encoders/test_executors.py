from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from activessl.encoders import executors
from activessl.encoders.embeddings import embed
from activessl.encoders.executors import Elsewhere, Executor, executor_named
from activessl.encoders.registry import fit_encoder
from activessl.encoders.shards import Block, Job, Journal, Shards, blocks_of, shards_folder
from activessl.encoders.vectors import VectorEncoder
from activessl.encoders.workers import Done, Worker, versions_here
from activessl.errors import EncoderError, PoolError
from activessl.pool.pool import Pool
from activessl.pool.progress import Progress
from activessl.pool.sources import load_pool
from activessl.session import Session


@dataclass
class Fake:
    """An executor in this process, which yields the blocks in reverse order.

    ``ends`` is after how many blocks the driver is killed, ``lose`` and ``cut`` how many shards are lost or cut off
    after they were told to be done.
    """

    ends: int | None = None
    lose: int = 0
    cut: int = 0
    runs: list[list[str]] = field(default_factory=list)
    name: str = "fake"

    def run(self, job: Job, blocks: Sequence[Block], on_progress: object = None) -> Iterator[Done]:
        self.runs.append([block.items[0].id for block in blocks])
        worker = Worker(job)
        for n, block in enumerate(reversed(blocks)):
            if n == self.ends:
                raise KeyboardInterrupt
            done = worker.encode(block)
            (path,) = job.shards.glob(f"{block.digest}.*")
            if self.lose:
                self.lose -= 1
                path.unlink()
            elif self.cut:
                self.cut -= 1
                path.write_bytes(path.read_bytes()[:-7])
            yield done


@pytest.fixture
def pool(tmp_path: Path) -> Pool:
    vectors = np.random.default_rng(0).normal(size=(23, 3)).astype(np.float32)
    np.savez(tmp_path / "v.npz", vectors=vectors)
    return load_pool(tmp_path / "v.npz")


@pytest.fixture
def encoder(pool: Pool, tmp_path: Path) -> VectorEncoder:
    made = fit_encoder("vectors", pool, folder=tmp_path / "encoders")
    assert isinstance(made, VectorEncoder)
    return made


def on(fake: Fake, tmp_path: Path, block: int = 5) -> Elsewhere:
    return Elsewhere(fake, tmp_path / "encoders", block)


def job_of(pool: Pool, encoder: VectorEncoder, tmp_path: Path) -> Job:
    return Job.of(encoder, pool, tmp_path / "encoders", tmp_path / "e" / "f", 4, versions_here())


def test_blocks_that_come_in_any_order_give_the_same_file(pool: Pool, encoder: VectorEncoder, tmp_path: Path) -> None:
    told = list[Progress]()
    here = embed(encoder, pool, tmp_path / "here" / "f")
    there = embed(encoder, pool, tmp_path / "e" / "f", elsewhere=on(Fake(), tmp_path), on_progress=told.append)
    assert np.array_equal(here.vectors, there.vectors) and here.ids == there.ids
    files = [(tmp_path / name / "f" / "vectors.npy").read_bytes() for name in ("here", "e")]
    assert files[0] == files[1]
    assert [one.done for one in told if one.stage == "embed"] == [3, 8, 13, 18, 23]
    assert there.provenance["embedding"]["blocks"] == 5
    assert there.provenance["embedding"]["begun again"] == 0
    assert not shards_folder(tmp_path / "e" / "f").exists()


def test_after_an_interruption_only_the_rest_is_encoded(pool: Pool, encoder: VectorEncoder, tmp_path: Path) -> None:
    first, second, folder = Fake(ends=3), Fake(), tmp_path / "e" / "f"
    with pytest.raises(KeyboardInterrupt):
        embed(encoder, pool, folder, elsewhere=on(first, tmp_path))
    assert not folder.exists()  # nothing half done counts as done
    whole = embed(encoder, pool, folder, elsewhere=on(second, tmp_path))
    assert second.runs == [[pool.ids[0], pool.ids[5]]]
    assert whole.provenance["embedding"]["taken from an earlier run"] == 3
    assert whole.provenance["embedding"]["begun again"] == 0
    assert np.array_equal(whole.vectors, embed(encoder, pool, tmp_path / "here" / "f").vectors)


@pytest.mark.parametrize("what", ["lose", "cut"])
def test_a_shard_that_is_lost_or_cut_off_is_encoded_again(
    what: str, pool: Pool, encoder: VectorEncoder, tmp_path: Path
) -> None:
    fake, told = replace(Fake(), **{what: 1}), list[Progress]()
    whole = embed(encoder, pool, tmp_path / "e" / "f", elsewhere=on(fake, tmp_path), on_progress=told.append)
    assert [len(run) for run in fake.runs] == [5, 1]
    assert whole.provenance["embedding"]["begun again"] == 1
    assert ("cut off or changed: its 3 items" in " ".join(one.note for one in told)) is (what == "cut")
    assert np.array_equal(whole.vectors, embed(encoder, pool, tmp_path / "here" / "f").vectors)


def test_a_disk_that_loses_every_shard_is_told(pool: Pool, encoder: VectorEncoder, tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="5 of 5 blocks have no whole shard after 3 attempts"):
        embed(encoder, pool, tmp_path / "e" / "f", elsewhere=on(Fake(lose=99), tmp_path))
    assert not (tmp_path / "e" / "f").exists()


def test_new_items_alone_are_encoded(pool: Pool, encoder: VectorEncoder, tmp_path: Path) -> None:
    fake, folder = Fake(), tmp_path / "e" / "f"
    embed(encoder, pool.subset(pool.ids[3:9]), folder, elsewhere=on(fake, tmp_path))
    whole = embed(encoder, pool, folder, elsewhere=on(fake, tmp_path))
    assert [len(run) for run in fake.runs] == [2, 4]
    assert np.array_equal(whole.vectors, embed(encoder, pool, tmp_path / "here" / "f").vectors)
    embed(encoder, pool, folder, elsewhere=on(fake, tmp_path))
    assert len(fake.runs) == 2


def test_the_name_of_a_block_depends_on_all_that_decides_its_vectors(
    pool: Pool, encoder: VectorEncoder, tmp_path: Path
) -> None:
    job = job_of(pool, encoder, tmp_path)
    names = {blocks_of(one, pool.items)[0].digest for one in (job, replace(job, data=Path("/elsewhere")))}
    assert len(names) == 1  # where the same data lie is nothing that decides them
    others = [replace(job, fingerprint="x"), replace(job, batch_size=8), replace(job, versions={"torch": "0"})]
    names |= {blocks_of(one, pool.items)[0].digest for one in others}
    changed = (replace(pool.items[0], sha256="0"), *pool.items[1:])
    names.add(blocks_of(job, changed)[0].digest)
    assert len(names) == 5


def test_one_file_for_the_same_vectors_and_damaged_files_are_deleted(
    pool: Pool, encoder: VectorEncoder, tmp_path: Path
) -> None:
    (block,) = blocks_of(job_of(pool, encoder, tmp_path), pool.items[:4])
    shards, vectors = Shards(tmp_path / "s"), np.ones((4, 3), np.float32)
    assert shards.write(block, vectors) == shards.write(block, vectors)
    (path,) = (tmp_path / "s").iterdir()
    content = path.read_bytes()
    found, damaged = shards.read(block, 3)
    assert found is not None and np.array_equal(found, vectors) and not damaged
    assert shards.read(block, 2)[0] is None and not path.exists()  # whole, but of another length: not ours
    # other numbers, as many
    (tmp_path / "s" / shards.write(block, vectors)).write_bytes(content[:-1] + b"@")
    found, damaged = shards.read(block, 3)
    assert found is None and damaged == [path.name]
    # not a number, with a digest that fits
    shards.write(block, np.full((4, 3), np.nan, np.float32))
    assert shards.read(block, 3)[0] is None


def test_a_worker_with_other_versions_is_told_by_name(pool: Pool, encoder: VectorEncoder, tmp_path: Path) -> None:
    job = job_of(pool, encoder, tmp_path)
    with pytest.raises(EncoderError, match=r"worker \S+:\d+ has numpy .*, this program has 0\.1"):
        Worker(replace(job, versions={**job.versions, "numpy": "0.1"}))
    with pytest.raises(EncoderError, match="has pandas-next not at all, this program has 3"):
        Worker(replace(job, versions={"pandas-next": "3"}))


def test_a_worker_without_weights_or_data_is_told_by_name(pool: Pool, encoder: VectorEncoder, tmp_path: Path) -> None:
    job = job_of(pool, encoder, tmp_path)
    with pytest.raises(EncoderError, match=r"worker \S+ cannot open the encoder: no encoder in .*gone"):
        Worker(replace(job, encoder=tmp_path / "gone"))
    with pytest.raises(EncoderError, match=r"worker \S+ has the encoder \w+, not other"):
        Worker(replace(job, fingerprint="other"))
    with pytest.raises(PoolError, match=r"worker \S+ cannot read the data: .*gone\.npz does not exist"):
        Worker(replace(job, data=tmp_path / "gone.npz"))
    (tmp_path / "file").write_text("")
    with pytest.raises(EncoderError, match=r"worker \S+ cannot write to"):
        Worker(replace(job, shards=tmp_path / "file" / "s"))


def test_other_data_under_the_same_path_are_told(pool: Pool, encoder: VectorEncoder, tmp_path: Path) -> None:
    job = job_of(pool, encoder, tmp_path)
    worker, (block, *_) = Worker(job), blocks_of(job, pool.items, 5)
    other = replace(block, items=(replace(block.items[0], sha256="0" * 64), *block.items[1:]))
    with pytest.raises(PoolError, match=rf"item {pool.ids[0]} has other content on worker"):
        worker.encode(other)
    assert Journal(job.shards).begun().total() == 0
    assert worker.encode(block).worker == worker.name
    assert Journal(job.shards).begun() == {block.digest: 1}


def test_a_place_is_a_name_and_an_address() -> None:
    with pytest.raises(EncoderError, match="unknown place to encode 'rey'") as error:
        executor_named("rey://head:1")
    assert "ray" in error.value.hint
    with pytest.raises(EncoderError, match="0 workers cannot encode"):
        executor_named("ray", 0)
    with pytest.raises(EncoderError, match="'head' is not the address of a Ray cluster"):
        executor_named("ray:head")
    with pytest.raises(EncoderError, match=r"'ray://head:99999' is not the address"):
        executor_named("ray://head:99999")


def test_a_missing_ray_is_told_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(EncoderError, match="Ray cannot be imported") as error:
        executor_named("ray", 2)
    assert "activessl[ray]" in error.value.hint


def test_a_session_encodes_by_an_executor_and_uses_its_vectors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez(tmp_path / "v.npz", vectors=np.random.default_rng(0).normal(size=(9, 3)).astype(np.float32))
    session, fake = Session.create(tmp_path / "p", tmp_path / "v.npz", ["a", "b"]), Fake()
    found = session.encode(on=fake)
    assert len(fake.runs) == 1 and len(found) == 9
    told = json.loads((tmp_path / "p" / "embeddings" / found.fingerprint / "provenance.json").read_text())
    assert told["embedding"]["executor"] == "fake"
    with pytest.raises(EncoderError, match="workers = 2 needs a place"):
        session.encode(workers=2)
    monkeypatch.setattr("activessl.steps.encode.count", lambda: 2)
    with pytest.raises(EncoderError, match="fake and torchrun exclude each other"):
        session.encode(on=fake)
    assert isinstance(fake, Executor) and executors.EXECUTORS.names() == ("ray",)
