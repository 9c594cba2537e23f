"""Shows the examples of docstrings as code: the parser knows the plural of the section's name only."""

from __future__ import annotations

from typing import Any

import griffe


class Examples(griffe.Extension):
    """Renames the section."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Called for each object with its docstring, before the docstring is parsed."""
        if obj.docstring is not None:
            obj.docstring.value = f"\n{obj.docstring.value}".replace("\nExample:\n", "\nExamples:\n")[1:]
