"""Runs ``label_studio.server`` with a clock that is ACTIVESSL_TEST_SKEW seconds ahead of this machine's.

Takes the place of the environment's python: its arguments are ``-m label_studio.server`` and the server's own.
"""

from __future__ import annotations

import os
import runpy
import sys
from datetime import timedelta
from typing import Any
from wsgiref import handlers


def main() -> None:
    from django.utils import timezone

    seconds = float(os.environ["ACTIVESSL_TEST_SKEW"])
    kept: Any = timezone
    served: Any = handlers
    now, told = kept.now, served.format_date_time
    kept.now = lambda: now() + timedelta(seconds=seconds)
    served.format_date_time = lambda at: told(at + seconds)

    sys.argv = sys.argv[2:]
    runpy.run_module("label_studio.server", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
