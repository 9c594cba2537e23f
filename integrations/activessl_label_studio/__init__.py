"""Label Studio as an annotator: people label what a strategy chose, in the order it chose.

LabelStudioAnnotator   push a query, pull the answers
LabelStudioConfig      which server, which project, how items are shown
ScriptedAnnotator      a scripted person who labels over HTTP, for demonstrations and tests
studio                 an embedded server: ensure_installed, start, status, stop
"""

from activessl_label_studio import studio
from activessl_label_studio.annotator import LabelStudioAnnotator, LabelStudioConfig
from activessl_label_studio.client import Client, connect
from activessl_label_studio.scripted import Habits, ScriptedAnnotator, Worked
from activessl_label_studio.studio import StudioInfo

__all__ = [
    "Client",
    "Habits",
    "LabelStudioAnnotator",
    "LabelStudioConfig",
    "ScriptedAnnotator",
    "StudioInfo",
    "Worked",
    "connect",
    "studio",
]
