"""Write the HEIC pictures and the sounds of this folder with pillow-heif and soundfile, in an environment of its own.

python -m venv writers && writers/bin/pip install pillow-heif==1.8.1 soundfile==0.14.0 numpy pillow
writers/bin/python tests/data/forms/make_media.py
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pillow_heif
import soundfile
from PIL import Image

HERE = Path(__file__).parent


def folder(name: str) -> Path:
    made = HERE / name
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir()
    return made


def main() -> None:
    pictures, sounds = folder(f"pillow-heif-{pillow_heif.__version__}"), folder(f"soundfile-{soundfile.__version__}")
    pillow_heif.register_heif_opener()
    for i, color in enumerate(((250, 10, 10), (10, 10, 250))):
        Image.new("RGB", (64, 48), color).save(pictures / f"{i}.heic", quality=90)
    turned = Image.Exif()
    turned[0x0112] = 6
    half = np.zeros((48, 64, 3), np.uint8)
    half[:24] = 255
    Image.fromarray(half).save(pictures / "turned.heic", quality=90, exif=turned.tobytes())

    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(8_000) / 8_000)
    for name in ("FLAC", "OGG", "MP3"):
        soundfile.write(sounds / f"tone.{name.lower()}", tone, 8_000, format=name)
    soundfile.write(sounds / "stereo.flac", np.stack([tone, -tone], 1), 44_100, format="FLAC", subtype="PCM_24")


if __name__ == "__main__":
    main()
