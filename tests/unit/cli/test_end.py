"""How the process of the command line ends, whatever threads of native code do meanwhile."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

# A thread of pyarrow reads a file of Python's, and goes on a little later: when the verb has ended.
SCRIPT = """
import atexit, io, sys, threading, time
import pyarrow as pa, pyarrow.parquet as pq
import activessl_cli.main as command

begun = threading.Event()

class Slow(io.BytesIO):
    def read(self, n=-1):
        if threading.current_thread() is not threading.main_thread():
            begun.set()
            time.sleep(0.3)
        return super().read(n)

def run(*argv):
    out = io.BytesIO()
    pq.write_table(pa.table({name: list(range(2000)) for name in "abc"}), out)
    file = pq.ParquetFile(Slow(out.getvalue()), pre_buffer=True)
    threading.Thread(target=file.read, daemon=True).start()
    assert begun.wait(20)
    threading.Thread(target=lambda: (time.sleep(0.1), print("waited for"))).start()
    print("done", argv)
    return 1

atexit.register(print, "registered before")
command.run = run
command.main()
"""


def test_a_native_thread_that_still_reads_does_not_change_the_exit_code() -> None:
    ended = subprocess.run([sys.executable, "-c", SCRIPT, "import"], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (1, "")
    assert ended.stdout == "done ('import',)\nwaited for\nregistered before\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_output_that_nobody_can_take_is_no_success() -> None:
    code = "import sys; sys.stdout.reconfigure(write_through=False, line_buffering=False)\n"
    code += "import activessl_cli.main as c; c.run = lambda *a: print('x' * 9) or 0; c.main()"
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run([sys.executable, "-c", code], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [
        "error: the output cannot be written: No space left on device",
        " hint: free disk space, or write it elsewhere",
    ]
