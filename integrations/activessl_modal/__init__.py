"""modAL in both directions: our strategies in modAL's learners, modAL's strategy functions as our strategies.

as_query_strategy(strategy)    an activessl strategy as the callable that ``modAL.models.ActiveLearner`` takes
ModalStrategy(function)        a modAL strategy function as an activessl ``QueryStrategy``
project_learner(session)       a project's labels, pool and kind of head as a modAL learner
ActiveLearner, Committee       modAL's classes, whose ``teach`` and ``fit`` work with scikit-learn 1.8 and newer
"""

from __future__ import annotations

from activessl_modal.from_modal import ModalStrategy
from activessl_modal.learners import ActiveLearner, Committee, modern_sklearn
from activessl_modal.project import project_learner
from activessl_modal.to_modal import as_query_strategy

__all__ = ["ActiveLearner", "Committee", "ModalStrategy", "as_query_strategy", "modern_sklearn", "project_learner"]
