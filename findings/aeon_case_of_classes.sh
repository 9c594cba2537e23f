#!/bin/sh
# aeon 1.6.0: classes that differ only in their case become one when a `.ts` file is read, without a warning.
#
# Expected, written down before the run: the header of the file declares the classes (`@classLabel true A a b`), and the
# reader returns the names that stand in the lines: A, b, a.
#
# Seen: the file that `save_to_ts_file` writes has A, b, a; `load_from_ts_file` returns a, b, a: two classes of three.
#
# Tried on 2026-11-30. Fails if this changes.
# Needs: python3 with venv, and PyPI. Takes two minutes.
set -eu
where=$(mktemp -d)
trap 'rm -rf "$where"' EXIT
python3 -m venv "$where/venv"
"$where/venv/bin/pip" install --quiet aeon==1.6.0
"$where/venv/bin/python" - "$where" <<'PYTHON' || exit 1
import sys
from pathlib import Path

import numpy as np
from aeon.datasets import load_from_ts_file, save_to_ts_file

where = Path(sys.argv[1])
classes = np.array(["A", "b", "a"])
save_to_ts_file(np.zeros((3, 1, 4)), classes, label_type="classification", path=str(where), problem_name="three")
file = next(where.rglob("three*.ts"))
lines = file.read_text().splitlines()
print(next(line for line in lines if line.startswith("@classLabel")), "| lines end in", [line[-1] for line in lines[-3:]])
_, read = load_from_ts_file(str(file))
print("written:", classes.tolist(), "read:", [str(one) for one in read])
if [str(one) for one in read] != ["a", "b", "a"]:
    print("the behaviour has changed")
    raise SystemExit(1)
PYTHON
