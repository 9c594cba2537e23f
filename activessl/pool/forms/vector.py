"""Vectors that are already computed: (d,)."""

from __future__ import annotations

import numpy as np

from activessl.pool.forms.base import Arrays, Form, last_is_short, numbers

FORM = Form(
    name="vector",
    plural="vectors",
    shown=None,
    encoder=("vectors", "the items are already vectors"),
    arrays=(
        Arrays("vectors", numbers("fiu", {2: lambda _: True}), "(n, d) of numbers", lambda row: row.astype(np.float32)),
    ),
    is_tiny=last_is_short,
)
