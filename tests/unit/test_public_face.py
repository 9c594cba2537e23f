"""What ``import activessl`` shows, and what it costs."""

from __future__ import annotations

import subprocess
import sys

import activessl
from activessl.errors import ActiveSSLError


def test_all_is_sorted_and_equals_what_is_visible() -> None:
    assert list(activessl.__all__) == sorted(activessl.__all__)
    assert set(dir(activessl)) == {*activessl.__all__, "__version__"}
    for name in activessl.__all__:
        assert getattr(activessl, name).__name__ == name


def test_every_public_name_has_a_docstring() -> None:
    assert [name for name in activessl.__all__ if not getattr(activessl, name).__doc__] == []


def test_importing_it_loads_nothing_heavy() -> None:
    heavy = ("torch", "faiss", "sklearn", "pandas", "matplotlib", "numpy", "label_studio_sdk")
    code = f"import sys, activessl; print([m for m in {heavy!r} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_every_error_is_also_a_builtin_and_says_what_to_do() -> None:
    for kind in ActiveSSLError.__subclasses__():
        assert len(kind.__mro__) > ActiveSSLError.__mro__.__len__() + 1, kind
    error = ActiveSSLError("it broke", hint="mend it")
    assert str(error) == "it broke\n hint: mend it"
