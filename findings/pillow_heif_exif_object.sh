#!/bin/sh
# pillow-heif 1.8.1: a picture saved with `exif=Image.Exif()` loses its orientation; saved with the same EXIF as bytes,
# it keeps it.
#
# Expected, written down before the run: `Image.save(..., exif=exif)` takes an `Image.Exif` or bytes for every format of
# Pillow, and both files open equally. A JPEG with orientation 6 opens as 64 x 48 and is 48 x 64 after `exif_transpose`;
# so the HEIC file, which pillow-heif turns on opening, is 48 x 64 in both cases.
#
# Seen: 64 x 48 for the object (the picture lies on its side, and its orientation reads as 1), 48 x 64 for the bytes.
#
# Tried on 2026-11-30 with pillow 13.0.0. Fails if this changes.
# Needs: python3 with venv, and PyPI. Takes a minute.
set -eu
where=$(mktemp -d)
trap 'rm -rf "$where"' EXIT
python3 -m venv "$where/venv"
"$where/venv/bin/pip" install --quiet pillow-heif==1.8.1 pillow==13.0.0 numpy
"$where/venv/bin/python" - <<'PYTHON' || exit 1
import io

import numpy as np
import pillow_heif
import PIL
from PIL import Image, ImageOps

pillow_heif.register_heif_opener()
print("pillow", PIL.__version__, "pillow-heif", pillow_heif.__version__)
exif = Image.Exif()
exif[0x0112] = 6  # to be turned by a quarter
picture = Image.fromarray(np.zeros((48, 64, 3), np.uint8))


def opened(kind: str, given: object) -> Image.Image:
    out = io.BytesIO()
    picture.save(out, kind, exif=given)
    return Image.open(out)


seen = {}
for name, given in (("object", exif), ("bytes", exif.tobytes())):
    upright = ImageOps.exif_transpose(opened("JPEG", given))
    heic = ImageOps.exif_transpose(opened("HEIF", given))
    print(f"EXIF as {name}: JPEG {upright.size}, HEIC {heic.size}, expected (48, 64)")
    seen[name] = (upright.size, heic.size)
if seen != {"object": ((48, 64), (64, 48)), "bytes": ((48, 64), (48, 64))}:
    print("the behaviour has changed")
    raise SystemExit(1)
PYTHON
