#!/bin/sh
# webdataset 1.0.2: samples whose names have dots, such as dates, become one when an archive is read, without a warning.
#
# Expected, written down before the run: three samples are written with the keys 2026.01.05_0, _1 and _2, each with a
# `cls`; three samples with a field `cls` are read.
#
# Seen: one sample with the key 2026 and the fields `01.05_0.cls`, `01.05_1.cls`, `01.05_2.cls`. The writer takes the
# keys as they are; the reader ends a key at the first dot.
#
# Tried on 2026-11-30. Fails if this changes.
# Needs: python3 with venv, and PyPI. Takes half a minute.
set -eu
where=$(mktemp -d)
trap 'rm -rf "$where"' EXIT
python3 -m venv "$where/venv"
"$where/venv/bin/pip" install --quiet webdataset==1.0.2
"$where/venv/bin/python" - "$where" <<'PYTHON' || exit 1
import sys
from pathlib import Path

import webdataset as wds

file = str(Path(sys.argv[1]) / "three.tar")
with wds.TarWriter(file) as sink:
    for i in range(3):
        sink.write({"__key__": f"2026.01.05_{i}", "cls": i})
read = [
    (row["__key__"], sorted(name for name in row if not name.startswith("__")))
    for row in wds.WebDataset(file, shardshuffle=False)
]
print("written: 3 samples; read:", read)
if read != [("2026", ["01.05_0.cls", "01.05_1.cls", "01.05_2.cls"])]:
    print("the behaviour has changed")
    raise SystemExit(1)
PYTHON
