"""Forms of data by name."""

from __future__ import annotations

from activessl.errors import PoolError
from activessl.pool.forms.base import Form
from activessl.registry import Registry

#: In the order in which a file that holds several is read. Other packages offer theirs as ``activessl.forms``.
FORMS = Registry(
    "form of data",
    {
        "image": "activessl.pool.forms.image:FORM",
        "series": "activessl.pool.forms.series:FORM",
        "text": "activessl.pool.forms.text:FORM",
        "vector": "activessl.pool.forms.vector:FORM",
        "audio": "activessl.pool.forms.audio:FORM",
    },
    PoolError,
    "activessl.forms",
)


def form_names() -> tuple[str, ...]:
    """All names, ours first, in the order in which a file that holds several forms is read.

    Example:
        >>> form_names()[:2]
        ('image', 'series')
    """
    return (*FORMS.built_in, *(name for name in FORMS.names() if name not in FORMS.built_in))


def form_named(name: str) -> Form:
    """The form of that name.

    Raises:
        PoolError: There is none.

    Example:
        >>> form_named("audio").shown
        'sound'
    """
    found = FORMS.get(name)
    if not isinstance(found, Form):
        raise PoolError(f"the form {name!r} is registered as {type(found).__name__}", hint="register a Form")
    return found


def forms() -> tuple[Form, ...]:
    """All forms, in the order of ``form_names``."""
    return tuple(map(form_named, form_names()))
