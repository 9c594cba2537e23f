#!/bin/sh
# soundfile 0.14.0 (libsndfile 1.2.2): after a seek in an MP3, the first samples are silence or other samples, without an
# error; after a read from the beginning they are right.
#
# Expected, written down before the run: `seek(n)` followed by `read(m)` returns the samples n to n + m of a read of the
# whole file, as it does for WAV, FLAC and Ogg Vorbis.
#
# Seen: of 8,000 samples at 10 places of a tone of 20 seconds, up to 4,901 differ, by up to 0.48 of an amplitude of 0.4.
# They are right if at least eight frames of 1,152 samples before the place are decoded and thrown away.
#
# Tried on 2026-11-30. Fails if this changes.
# Needs: python3 with venv, and PyPI. Takes a minute.
set -eu
where=$(mktemp -d)
trap 'rm -rf "$where"' EXIT
python3 -m venv "$where/venv"
"$where/venv/bin/pip" install --quiet soundfile==0.14.0 numpy
"$where/venv/bin/python" - "$where" 2>/dev/null <<'PYTHON' || exit 1
import sys
from pathlib import Path

import numpy as np
import soundfile

rate = 16_000
t = np.arange(20 * rate) / rate
tone = (0.4 * np.sin(2 * np.pi * 440 * t * (1 + t / 10))).astype("float32")
worst = {}
for suffix in ("wav", "flac", "ogg", "mp3"):
    path = Path(sys.argv[1]) / f"tone.{suffix}"
    with soundfile.SoundFile(path, "w", rate, 1) as file:
        for start in range(0, len(tone), 4_096):
            file.write(tone[start : start + 4_096])
    whole = soundfile.read(path, dtype="float32")[0]
    for before in (0, 8 * 1_152):
        wrong = 0
        for start in range(100_000, 200_000, 9_973):
            with soundfile.SoundFile(path) as file:
                file.seek(start - before)
                found = file.read(before + 8_000, dtype="float32")[before:]
            wrong = max(wrong, int((np.abs(found - whole[start : start + 8_000]) > 1e-3).sum()))
        worst[suffix, before] = wrong
        print(f"{suffix}: seek {before:,} samples before the place: at most {wrong:,} of 8,000 samples differ")
right = all(wrong == 0 for (suffix, before), wrong in worst.items() if suffix != "mp3" or before)
if not right or worst["mp3", 0] < 100:
    print("the behaviour has changed")
    raise SystemExit(1)
PYTHON
