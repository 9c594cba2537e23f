"""Write the images of this folder with tifffile, in an environment of its own.

python -m venv writers && writers/bin/pip install tifffile==2026.3.3 numpy
writers/bin/python tests/data/forms/make_tiff.py
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import tifffile

HERE = Path(__file__).parent / f"tifffile-{tifffile.__version__}"


def scene(seed: int, side: int = 24) -> np.ndarray:
    """A smooth picture of values in [0, 1], another one for each seed."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side
    waves = sum(np.sin(6.3 * (rng.uniform(0.5, 3) * x + rng.uniform(0.5, 3) * y) + rng.uniform(0, 6)) for _ in range(3))
    return (waves - waves.min()) / np.ptp(waves)


def main() -> None:
    shutil.rmtree(HERE, ignore_errors=True)
    HERE.mkdir()
    for seed in range(8):  # true 16 bits, above 4,095 nearly everywhere
        tifffile.imwrite(HERE / f"deep{seed}.tif", (8_000 + 50_000 * scene(seed)).astype(np.uint16), compression="zlib")
    channels = np.stack([scene(10 + c) for c in range(3)])
    eight, sixteen = (255 * channels).astype(np.uint8), (60_000 * channels).astype(np.uint16)
    tifffile.imwrite(HERE / "channels8.ome.tif", eight, metadata={"axes": "CYX"}, photometric="minisblack")
    tifffile.imwrite(HERE / "channels16.ome.tif", sixteen, metadata={"axes": "CYX"}, photometric="minisblack")
    tifffile.imwrite(HERE / "four16.ome.tif", np.concatenate([sixteen, sixteen[:1]]), metadata={"axes": "CYX"})
    tifffile.imwrite(HERE / "pages.tif", eight, photometric="minisblack")
    tifffile.imwrite(HERE / "planar.tif", eight, photometric="rgb", planarconfig="separate")
    tifffile.imwrite(HERE / "stack.ome.tif", eight, metadata={"axes": "ZYX"}, photometric="minisblack")
    tifffile.imwrite(HERE / "time.ome.tif", eight, metadata={"axes": "TYX"}, photometric="minisblack")
    tifffile.imwrite(HERE / "imagej.tif", sixteen, imagej=True, metadata={"axes": "CYX"})
    with tifffile.TiffWriter(HERE / "pyramid.tif") as file:
        file.write(eight[0], photometric="minisblack", subifds=1, metadata=None)
        file.write(eight[0, ::2, ::2], photometric="minisblack", subfiletype=1, metadata=None)
    with tifffile.TiffWriter(HERE / "reduced.tif") as file:
        file.write(eight[0], photometric="minisblack", metadata=None)
        file.write(eight[0, ::2, ::2], photometric="minisblack", subfiletype=1, metadata=None)
    for bits, plane in (("8", eight[0]), ("16", sixteen[0])):
        full = np.iinfo(plane.dtype).max
        tifffile.imwrite(HERE / f"white_is_zero{bits}.tif", full - plane, photometric="miniswhite", metadata=None)
        tifffile.imwrite(HERE / f"black_is_zero{bits}.tif", plane, photometric="minisblack", metadata=None)
    tifffile.imwrite(HERE / "float.tif", channels[0].astype(np.float32))
    tifffile.imwrite(HERE / "colour16.tif", np.moveaxis(sixteen, 0, -1), photometric="rgb")


if __name__ == "__main__":
    main()
