"""Encode on Ray: blocks of items go to actors, on this machine or on the machines of a cluster.

executor_of(address, workers)    the executor that ``activessl encode --on ray`` uses
RayExecutor                      its class: an ``activessl.encoders.executors.Executor``

Ray itself is imported at the first block.
"""

from __future__ import annotations

from activessl_ray.executor import RayExecutor, executor_of

__all__ = ["RayExecutor", "executor_of"]
