"""Which annotator a project means, and with whose token."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from activessl.errors import AnnotatorDenied

if TYPE_CHECKING:
    from activessl.annotators.base import Annotator
    from activessl.project import Project
