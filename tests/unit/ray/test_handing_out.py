"""What the driver does when actors end, without Ray: the calls of its module are made in this process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from activessl.encoders.registry import fit_encoder
from activessl.encoders.shards import Block, Job, Journal, Shards, blocks_of
from activessl.encoders.workers import Done, versions_here
from activessl.errors import EncoderError, PoolError
from activessl.pool.progress import Progress
from activessl.pool.sources import load_pool
from activessl_ray.actors import Actor, Failed
from activessl_ray.cluster import check_address
from activessl_ray.executor import _Run


class Ended(Exception):
    """An actor has ended."""


class FakeRay:
    """Ray's module, with actors in this process. ``ends`` is how many workers end on the block of an item."""

    exceptions = SimpleNamespace(RayError=Ended, RayActorError=Ended, WorkerCrashedError=Ended)

    def __init__(self, ends: dict[str, int] | None = None, *, starts: bool = True) -> None:
        self.ends = Counter(ends or {})
        self.starts = starts
        self.started, self.killed = 0, 0

    def remote(self, job: Job) -> Any:
        """Start an actor."""
        self.started += 1
        actor, dead = Actor(job), list[bool]()

        def hello() -> Any:
            return actor.hello()

        def encode(block: Block) -> Any:
            first = block.items[0].id
            if dead or self.ends[first] > 0:
                self.ends[first] -= not dead
                dead.append(True)
                raise Ended("the actor died")
            return actor.encode(block)

        return SimpleNamespace(hello=self._method(hello), encode=self._method(encode))

    @staticmethod
    def _method(call: Callable[..., Any]) -> Any:
        class Ref:
            def __init__(self, *given: Any) -> None:
                self.call = lambda: call(*given)

        return SimpleNamespace(options=lambda name: SimpleNamespace(remote=Ref))

    def wait(self, refs: list[Any], *, num_returns: int, timeout: float) -> tuple[list[Any], list[Any]]:
        return (refs[:num_returns], refs[num_returns:]) if self.starts else ([], refs)

    def get(self, ref: Any) -> Any:
        return ref.call()

    def kill(self, actor: Any) -> None:
        self.killed += 1


@pytest.fixture
def job(tmp_path: Path) -> Job:
    np.savez(tmp_path / "v.npz", vectors=np.arange(36, dtype=np.float32).reshape(12, 3))
    pool = load_pool(tmp_path / "v.npz")
    encoder = fit_encoder("vectors", pool, folder=tmp_path / "encoders")
    return Job.of(encoder, pool, tmp_path / "encoders", tmp_path / "e" / "f", 4, versions_here())


def blocks(job: Job) -> list[Block]:
    return blocks_of(job, load_pool(job.data).items, 2)


def run(ray: FakeRay, job: Job, count: int = 2, told: list[Progress] | None = None, starts: float = 5.0) -> list[Done]:
    return list(_Run(ray, ray, job, blocks(job), count, starts, (told if told is not None else []).append).results())


def test_each_block_is_encoded_once_and_the_actors_end(job: Job) -> None:
    ray = FakeRay()
    done = run(ray, job)
    assert sorted(one.digest for one in done) == sorted(one.digest for one in blocks(job))
    assert set(Journal(job.shards).begun().values()) == {1}
    assert ray.started == ray.killed == 2


def test_the_blocks_of_a_worker_that_ends_go_to_others(job: Job) -> None:
    ray, told = FakeRay({"v:0": 1, "v:6": 2}), list[Progress]()
    done = run(ray, job, told=told)
    assert sorted(one.digest for one in done) == sorted(one.digest for one in blocks(job))
    assert ray.started == 2 + 3
    assert [one.note for one in told] == ["a worker ended; its 2 items are encoded again"] * 3
    assert len(Shards(job.shards).written()) == 6


def test_a_block_on_which_every_worker_ends_is_named(job: Job) -> None:
    ray = FakeRay({"v:4": 99})
    with pytest.raises(EncoderError, match="3 workers ended, each while it encoded the items v:4 to v:5"):
        run(ray, job)
    assert "v:4" not in {one.items[0].id for one in blocks(job) if one.digest in Shards(job.shards).written()}


def test_workers_that_all_end_before_any_block_are_told(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    def ends(self: Actor) -> None:
        raise Ended("the machine has no memory left\nand more")

    monkeypatch.setattr(Actor, "hello", ends)
    with pytest.raises(EncoderError, match="7 workers of Ray ended and no block was done: the machine has no memory"):
        run(FakeRay(), job)


def test_workers_that_do_not_start_are_waited_for_only_so_long(job: Job) -> None:
    with pytest.raises(EncoderError, match=r"no worker of Ray has started within 0\.05 s"):
        run(FakeRay(starts=False), job, starts=0.05)


def test_an_error_of_a_worker_is_raised_as_it_is_and_the_actors_end(job: Job) -> None:
    ray = FakeRay()
    job.data.unlink()
    todo = [Block("0" * 32, 0, ())]
    with pytest.raises(PoolError, match=r"worker \S+ cannot read the data") as error:
        list(_Run(ray, ray, job, todo, 1, 5.0, None).results())
    assert "disk that all machines share" in error.value.hint
    assert ray.killed == 1


def test_a_foreign_error_is_told_in_one_line() -> None:
    failed = Failed.of(ValueError("first\nsecond"), "worker h:1 cannot encode the block of a.png")
    assert str(failed.error()).splitlines()[0] == "worker h:1 cannot encode the block of a.png: ValueError first"
    assert isinstance(failed.error(), EncoderError)


@pytest.mark.parametrize("address", ["head", "head:0", "http://head:1", "head:1/x", "a b:1", "ray://head", ""])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(EncoderError, match="is not the address of a Ray cluster"):
        check_address(address)


@pytest.mark.parametrize("address", ["head:6379", "ray://10.0.0.1:10001", "[::1]:6379"])
def test_addresses(address: str) -> None:
    assert check_address(f" {address} ") == address
