"""The actors of Ray that encode blocks: how one starts, what it answers, and how it is known that it has ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from activessl.encoders.shards import Block, Job
from activessl.encoders.workers import Done, Worker
from activessl.errors import ActiveSSLError, EncoderError


@dataclass(frozen=True)
class Failed:
    """An error of a worker, as a value: Ray would wrap an exception, with its traceback, in one of its own."""

    kind: type[ActiveSSLError]
    message: str
    hint: str

    @classmethod
    def of(cls, error: BaseException, doing: str) -> Failed:
        """The error, or for one that is not ours, its first line."""
        if isinstance(error, ActiveSSLError):
            return cls(type(error), error.message, error.hint)
        told = (str(error).strip().splitlines() or [""])[0]
        hint = "run the same command without --on to see whether the item or the machine is the reason"
        return cls(EncoderError, f"{doing}: {type(error).__name__} {told}".rstrip(), hint)

    def error(self) -> ActiveSSLError:
        """The error to raise."""
        return self.kind(self.message, hint=self.hint)


class Actor:
    """A worker in a process of Ray; ``hello`` opens encoder and data."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._worker: Worker | None = None

    def hello(self) -> str | Failed:
        """Open everything; return the worker's name."""
        try:
            self._worker = Worker(self._job)
        except Exception as error:  # noqa: BLE001  it is told, not swallowed
            return Failed.of(error, "a worker cannot start")
        return self._worker.name

    def encode(self, block: Block) -> Done | Failed:
        """Encode a block and write its shard."""
        try:
            if self._worker is None:
                self._worker = Worker(self._job)
            return self._worker.encode(block)
        except Exception as error:  # noqa: BLE001  it is told, not swallowed
            name = "" if self._worker is None else self._worker.name
            return Failed.of(error, f"worker {name} cannot encode the block of {block.items[0].id}")


@dataclass(eq=False)
class Handle:
    """An actor, seen from the driver.

    Attributes:
        actor: The handle of Ray.
        ready: Whether it said hello.
        blocks: Blocks that it was given and has not returned, the oldest first: it encodes that one.
    """

    actor: Any
    ready: bool = False
    blocks: list[Block] = field(default_factory=list)
