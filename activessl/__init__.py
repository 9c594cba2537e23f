"""activessl: from an unlabeled pile to a trained model with the fewest hours of human labeling.

The public face: what is named here keeps its name and meaning between minor versions. It is imported when first used,
so that ``import activessl`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from activessl.annotators.base import Annotator, Pushed, Suggestion
    from activessl.annotators.oracle import Oracle
    from activessl.encoders.base import Encoder
    from activessl.encoders.embeddings import Embeddings, embed
    from activessl.encoders.registry import fit_encoder, load_encoder
    from activessl.errors import ActiveSSLError
    from activessl.heads.base import Head
    from activessl.heads.registry import head_names, make_head
    from activessl.labels.answers import Answer
    from activessl.ledger.history import History
    from activessl.ledger.store import Ledger
    from activessl.measuring.simulation.simulate import Simulation, simulate
    from activessl.pool.pool import Item, Pool
    from activessl.pool.progress import Progress
    from activessl.pool.sources import load_pool
    from activessl.project.config import Config
    from activessl.project.folder import Project
    from activessl.reports.report import Report
    from activessl.scoring.model import Model
    from activessl.session import Session
    from activessl.strategies.base import Query, QueryStrategy, State
    from activessl.strategies.random_share import RandomShare
    from activessl.strategies.registry import get_strategy, strategy_names

_HOME = {
    "ActiveSSLError": "errors",
    "Annotator": "annotators.base",
    "Answer": "labels.answers",
    "Config": "project.config",
    "Embeddings": "encoders.embeddings",
    "Encoder": "encoders.base",
    "Head": "heads.base",
    "History": "ledger.history",
    "Item": "pool.pool",
    "Ledger": "ledger.store",
    "Model": "scoring.model",
    "Oracle": "annotators.oracle",
    "Pool": "pool.pool",
    "Progress": "pool.progress",
    "Project": "project.folder",
    "Pushed": "annotators.base",
    "Query": "strategies.base",
    "QueryStrategy": "strategies.base",
    "RandomShare": "strategies.random_share",
    "Report": "reports.report",
    "Session": "session",
    "Simulation": "measuring.simulation.simulate",
    "State": "strategies.base",
    "Suggestion": "annotators.base",
    "embed": "encoders.embeddings",
    "fit_encoder": "encoders.registry",
    "get_strategy": "strategies.registry",
    "head_names": "heads.registry",
    "load_encoder": "encoders.registry",
    "load_pool": "pool.sources",
    "make_head": "heads.registry",
    "simulate": "measuring.simulation.simulate",
    "strategy_names": "strategies.registry",
}

__all__ = [
    "ActiveSSLError",
    "Annotator",
    "Answer",
    "Config",
    "Embeddings",
    "Encoder",
    "Head",
    "History",
    "Item",
    "Ledger",
    "Model",
    "Oracle",
    "Pool",
    "Progress",
    "Project",
    "Pushed",
    "Query",
    "QueryStrategy",
    "RandomShare",
    "Report",
    "Session",
    "Simulation",
    "State",
    "Suggestion",
    "embed",
    "fit_encoder",
    "get_strategy",
    "head_names",
    "load_encoder",
    "load_pool",
    "make_head",
    "simulate",
    "strategy_names",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("activessl")
    if name in _HOME:
        return getattr(import_module(f"activessl.{_HOME[name]}"), name)
    raise AttributeError(f"module 'activessl' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
