"""Runs ``label_studio.server`` with a clock that is ACTIVESSL_TEST_SKEW seconds ahead of this machine's.

Takes the place of the environment's python: its arguments are ``-m label_studio.server`` and the server's own.
"""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from wsgiref import handlers

from django.utils import timezone

SECONDS = float(os.environ["ACTIVESSL_TEST_SKEW"])

now: Callable[[], datetime] = timezone.now
told: Callable[[float], str] = handlers.format_date_time

wall: Any = timezone
wall.now = lambda: now() + timedelta(seconds=SECONDS)
served: Any = handlers
served.format_date_time = lambda at: told(at + SECONDS)

sys.argv = sys.argv[2:]
runpy.run_module("label_studio.server", run_name="__main__", alter_sys=True)
