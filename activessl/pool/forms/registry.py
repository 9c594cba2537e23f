"""Forms of data by name."""

from __future__ import annotations

from activessl.errors import PoolError
from activessl.pool.forms.base import Form
from activessl.registry import Registry

#: In the order in which a file with several forms is read. Other packages add forms to the entry points
#: ``activessl.forms``.
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
    """Return all names, those of activessl first, in the order in which a file with several forms is read.

    Example:
        >>> form_names()[:2]
        ('image', 'series')
    """
    return (*FORMS.built_in, *(name for name in FORMS.names() if name not in FORMS.built_in))


def form_named(name: str) -> Form:
    """Return the form of a name.

    Raises:
        PoolError: The name is unknown, or what is registered is not a Form.

    Example:
        >>> form_named("audio").shown
        'sound'
    """
    found = FORMS.get(name)
    if not isinstance(found, Form):
        raise PoolError(f"the form {name!r} is of type {type(found).__name__}", hint="register an object of type Form")
    return found


def forms() -> tuple[Form, ...]:
    """Return all forms, in the order of ``form_names``."""
    return tuple(map(form_named, form_names()))
