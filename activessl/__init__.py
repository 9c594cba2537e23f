"""activessl: from an unlabeled pool to a trained model with the fewest hours of human labeling.

The public API: names in this module keep their meaning between minor versions. They are imported at first use, so that
``import activessl`` is fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from activessl.annotators.base import Annotator, Asked, Pushed, Suggestion
    from activessl.annotators.oracle import Oracle
    from activessl.annotators.region_oracle import RegionOracle
    from activessl.encoders.base import Encoder
    from activessl.encoders.embeddings import Embeddings, embed
    from activessl.encoders.registry import EncoderEntry, fit_encoder, load_encoder
    from activessl.encoders.store import read_encoder, save_encoder
    from activessl.errors import ActiveSSLError
    from activessl.heads.base import Head
    from activessl.heads.files import read_head, write_head
    from activessl.heads.registry import head_names, make_head
    from activessl.labels.answers import Answer
    from activessl.labels.questions import Question
    from activessl.labels.regions.places import Box, Mask, Segment, Span
    from activessl.labels.regions.region import Region
    from activessl.ledger.history import History
    from activessl.ledger.store import Ledger
    from activessl.measuring.simulation.simulate import Simulation, simulate
    from activessl.pool.checks.base import Check, Finding
    from activessl.pool.forms.base import Files, Form
    from activessl.pool.pool import Item, Pool
    from activessl.pool.progress import Progress
    from activessl.pool.sources import load_pool
    from activessl.project.config import Config
    from activessl.project.folder import Project
    from activessl.reports.report import Report
    from activessl.scoring.model import Model
    from activessl.session import Session
    from activessl.strategies.base import Query, QueryStrategy, State, check_state
    from activessl.strategies.random_share import RandomShare
    from activessl.strategies.registry import get_strategy, strategy_names

_HOME = {
    "ActiveSSLError": "errors",
    "Annotator": "annotators.base",
    "Answer": "labels.answers",
    "Asked": "annotators.base",
    "Box": "labels.regions.places",
    "Check": "pool.checks.base",
    "Config": "project.config",
    "Embeddings": "encoders.embeddings",
    "Encoder": "encoders.base",
    "EncoderEntry": "encoders.registry",
    "Files": "pool.forms.base",
    "Finding": "pool.checks.base",
    "Form": "pool.forms.base",
    "Head": "heads.base",
    "History": "ledger.history",
    "Item": "pool.pool",
    "Ledger": "ledger.store",
    "Mask": "labels.regions.places",
    "Model": "scoring.model",
    "Oracle": "annotators.oracle",
    "Pool": "pool.pool",
    "Progress": "pool.progress",
    "Project": "project.folder",
    "Pushed": "annotators.base",
    "Query": "strategies.base",
    "QueryStrategy": "strategies.base",
    "Question": "labels.questions",
    "RandomShare": "strategies.random_share",
    "Region": "labels.regions.region",
    "RegionOracle": "annotators.region_oracle",
    "Report": "reports.report",
    "Segment": "labels.regions.places",
    "Session": "session",
    "Simulation": "measuring.simulation.simulate",
    "Span": "labels.regions.places",
    "State": "strategies.base",
    "Suggestion": "annotators.base",
    "check_state": "strategies.base",
    "embed": "encoders.embeddings",
    "fit_encoder": "encoders.registry",
    "get_strategy": "strategies.registry",
    "head_names": "heads.registry",
    "load_encoder": "encoders.registry",
    "load_pool": "pool.sources",
    "make_head": "heads.registry",
    "read_encoder": "encoders.store",
    "read_head": "heads.files",
    "save_encoder": "encoders.store",
    "simulate": "measuring.simulation.simulate",
    "strategy_names": "strategies.registry",
    "write_head": "heads.files",
}

__all__ = [
    "ActiveSSLError",
    "Annotator",
    "Answer",
    "Asked",
    "Box",
    "Check",
    "Config",
    "Embeddings",
    "Encoder",
    "EncoderEntry",
    "Files",
    "Finding",
    "Form",
    "Head",
    "History",
    "Item",
    "Ledger",
    "Mask",
    "Model",
    "Oracle",
    "Pool",
    "Progress",
    "Project",
    "Pushed",
    "Query",
    "QueryStrategy",
    "Question",
    "RandomShare",
    "Region",
    "RegionOracle",
    "Report",
    "Segment",
    "Session",
    "Simulation",
    "Span",
    "State",
    "Suggestion",
    "check_state",
    "embed",
    "fit_encoder",
    "get_strategy",
    "head_names",
    "load_encoder",
    "load_pool",
    "make_head",
    "read_encoder",
    "read_head",
    "save_encoder",
    "simulate",
    "strategy_names",
    "write_head",
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
