"""Label Studio as an annotator: people label the items of a query, in the order of the query.

LabelStudio            a server with its address and token, for `session.push` and `session.pull`
LabelStudioAnnotator   push a query, pull the answers
LabelStudioConfig      the server, the project, and how items are shown
ScriptedAnnotator      a scripted annotator who labels over HTTP, for demonstrations and tests
ScriptedDrawer         a scripted annotator who draws regions over HTTP
studio                 an embedded server: ensure_installed, start, status, stop
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from activessl_label_studio import studio
    from activessl_label_studio.annotator import LabelStudioAnnotator, LabelStudioConfig
    from activessl_label_studio.client import Client, connect
    from activessl_label_studio.regions.scripted import DrawingHabits, ScriptedDrawer
    from activessl_label_studio.scripted import Habits, ScriptedAnnotator, Worked
    from activessl_label_studio.server import LabelStudio
    from activessl_label_studio.studio import StudioInfo

#: Name to module: imported at the first use, because the import of the server's SDK takes a second.
_HOME = {
    "Client": "client",
    "DrawingHabits": "regions.scripted",
    "Habits": "scripted",
    "LabelStudio": "server",
    "LabelStudioAnnotator": "annotator",
    "LabelStudioConfig": "annotator",
    "ScriptedAnnotator": "scripted",
    "ScriptedDrawer": "regions.scripted",
    "StudioInfo": "studio",
    "Worked": "scripted",
    "connect": "client",
}

__all__ = [
    "Client",
    "DrawingHabits",
    "Habits",
    "LabelStudio",
    "LabelStudioAnnotator",
    "LabelStudioConfig",
    "ScriptedAnnotator",
    "ScriptedDrawer",
    "StudioInfo",
    "Worked",
    "connect",
    "studio",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"activessl_label_studio.{_HOME[name]}"), name)
    raise AttributeError(f"module 'activessl_label_studio' has no attribute {name!r}")
