"""The executor on Ray: hands blocks to actors, replaces actors that have ended, and tells which blocks are done."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from activessl.encoders.shards import Block, Job
from activessl.encoders.workers import Done
from activessl.errors import EncoderError
from activessl.pool.progress import OnProgress, say
from activessl_ray.actors import Actor, Failed, Handle
from activessl_ray.cluster import check_address, cluster, imported

#: Blocks that an actor is given ahead, so that it does not wait for the driver.
_AHEAD = 2
#: Workers that may end on one block, or in a row without any block done, before the reason is looked for in the block.
_ENDS = 3
#: Seconds in which the first worker must start: it imports torch, and a cluster may start a machine for it.
_STARTS = 300.0


def executor_of(address: str, workers: int | None) -> RayExecutor:
    """The executor of ``--on ray``, ``--on ray://HOST:PORT`` and ``--on ray:HOST:PORT``.

    Raises:
        EncoderError: The address has another form, or Ray is not installed.
    """
    made = RayExecutor(check_address(address) if address else "", workers)
    imported()
    return made


@dataclass(frozen=True)
class RayExecutor:
    """Encodes blocks by actors of Ray, each with one CPU core, or one GPU where the cluster has any.

    Args:
        address: The address of the cluster; "" for ``RAY_ADDRESS`` of the environment, or else this machine.
        workers: The number of actors; None for one for each GPU, or else each CPU core.
        starts: Seconds in which the first worker must start.
    """

    address: str = ""
    workers: int | None = None
    starts: float = _STARTS
    name: str = "ray"

    def run(self, job: Job, blocks: Sequence[Block], on_progress: OnProgress | None = None) -> Iterator[Done]:
        """Encode blocks; see :class:`activessl.encoders.executors.Executor`."""
        with cluster(self.address, self.workers) as ray:
            has = ray.cluster_resources()
            gpu = 1 if has.get("GPU", 0) >= 1 else 0
            most = int(has.get("GPU" if gpu else "CPU", 0))
            if most < max(1, self.workers or 1):
                raise EncoderError(
                    f"{self.workers or 1} workers wanted, but the cluster has {most} {'GPUs' if gpu else 'CPU cores'}",
                    hint=f"set --workers to {most}, or add machines to the cluster" if most else "add machines to it",
                )
            count = min(self.workers or most, len(blocks))
            machines = sum(bool(node.get("Alive")) for node in ray.nodes())
            say(
                on_progress,
                "plan",
                f"{count:,} worker{'s' * (count != 1)} of Ray on {machines:,} machine{'s' * (machines != 1)}, "
                f"{len(blocks):,} blocks",
            )
            make = ray.remote(num_cpus=1, num_gpus=gpu, max_restarts=0, max_task_retries=0)(Actor)
            yield from _Run(ray, make, job, blocks, count, self.starts, on_progress).results()


class _Run:
    """One run: what waits, what each actor has, and how often workers have ended."""

    def __init__(
        self,
        ray: Any,
        make: Any,
        job: Job,
        blocks: Sequence[Block],
        count: int,
        starts: float,
        on_progress: OnProgress | None,
    ) -> None:
        self._ray, self._make, self._job = ray, make, job
        self._waiting = deque(blocks)
        self._count, self._starts, self._on_progress = count, starts, on_progress
        self._handles: set[Handle] = set()
        self._refs: dict[Any, tuple[Handle, Block | None]] = {}  # None: its hello
        self._ended: Counter[str] = Counter()  # by the block that was being encoded
        self._idle_ends = 0  # since the last block that was done

    def results(self) -> Iterator[Done]:
        """Yield each block when it is done; end all actors at the end, or when the iterator is closed."""
        try:
            for _ in range(self._count):
                self._start()
            deadline = time.monotonic() + self._starts
            while self._waiting or any(handle.blocks for handle in self._handles):
                self._hand_out()
                ready, _ = self._ray.wait(list(self._refs), num_returns=1, timeout=1.0)
                if any(handle.ready for handle in self._handles):
                    deadline = time.monotonic() + self._starts
                elif time.monotonic() > deadline:
                    raise EncoderError(
                        f"no worker of Ray has started within {self._starts:g} s",
                        hint="look at `ray status` for free CPU cores or GPUs, then run the same command again",
                    )
                for ref in ready:
                    done = self._result(ref)
                    if done is not None:
                        self._idle_ends = 0
                        yield done
        finally:
            for handle in self._handles:
                with suppress(Exception):
                    self._ray.kill(handle.actor)

    def _start(self) -> None:
        handle = Handle(self._make.remote(self._job))
        self._handles.add(handle)
        self._refs[handle.actor.hello.options(name="activessl opens encoder and data").remote()] = (handle, None)

    def _hand_out(self) -> None:
        """Give each actor that is ready a block, before any gets a second one."""
        for ahead in range(1, _AHEAD + 1):
            for handle in self._handles:
                if self._waiting and handle.ready and len(handle.blocks) < ahead:
                    block = self._waiting.popleft()
                    handle.blocks.append(block)
                    task = handle.actor.encode.options(name=f"activessl encode from {block.items[0].id[:80]}")
                    self._refs[task.remote(block)] = (handle, block)

    def _result(self, ref: Any) -> Done | None:
        """What a call returned; None if it was no block, or its actor has ended."""
        if ref not in self._refs:  # of an actor that has ended
            return None
        handle, block = self._refs.pop(ref)
        try:
            told = self._ray.get(ref)
        except (self._ray.exceptions.RayActorError, self._ray.exceptions.WorkerCrashedError) as error:
            self._lost(handle, str(error))
            return None
        except self._ray.exceptions.RayError as error:
            raise Failed.of(error, "a worker of Ray cannot be used").error() from None
        if isinstance(told, Failed):
            raise told.error()
        if block is None:
            handle.ready = True
            return None
        handle.blocks.remove(block)
        return told if isinstance(told, Done) else None

    def _lost(self, handle: Handle, why: str) -> None:
        """An actor has ended: its blocks go to others, and a new one takes its place."""
        self._handles.discard(handle)
        self._refs = {ref: (of, block) for ref, (of, block) in self._refs.items() if of is not handle}
        for block in reversed(handle.blocks):
            self._waiting.appendleft(block)
        self._idle_ends += 1
        if handle.blocks:
            first = handle.blocks[0]
            self._ended[first.digest] += 1
            say(self._on_progress, "plan", f"a worker ended; its {len(first):,} items are encoded again")
            if self._ended[first.digest] >= _ENDS:
                raise EncoderError(
                    f"{_ENDS} workers ended, each while it encoded the items {first.items[0].id} to "
                    f"{first.items[-1].id}",
                    hint="set fewer --workers if memory is short, or run `activessl check` to find the item",
                )
        if self._idle_ends > _ENDS * self._count:
            lines = [line.strip() for line in why.splitlines() if line.strip()]
            raise EncoderError(
                f"{self._idle_ends} workers of Ray ended and no block was done: {(lines or ['no reason'])[0]}",
                hint="look at Ray's logs on the machines (`ray logs`), then run the same command again",
            )
        self._start()
