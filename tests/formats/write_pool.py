"""Writers of data. Each writes ``expected.npz`` with what its own library reads of each item, and returns the rest.

What is returned: ``open``, the path that is given to activessl; ``modality`` if it must be named; ``ids`` in order;
``labels`` by id where the file has them; and what more the library says.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

Told = dict[str, Any]

RNG = np.random.default_rng(7)
#: Three series of two channels, with a missing value, and their classes; two names differ only in their case.
SERIES = {"s2": RNG.normal(size=(2, 12)), "s0": RNG.normal(size=(2, 12)), "s1": RNG.normal(size=(2, 12))}
SERIES["s0"][1, 3] = np.nan
LABELS = {"s2": "A", "s0": "b", "s1": "a"}


def _keep(folder: Path, values: dict[str, Any]) -> None:
    np.savez_compressed(folder / "expected.npz", **{name: np.asarray(value) for name, value in values.items()})


# series


def ts(folder: Path) -> Told:
    """aeon's ``.ts``; the expected values are by its own reader, which writes the classes in lower case."""
    from aeon.datasets import load_from_ts_file, save_to_ts_file

    X = np.array(list(SERIES.values()))
    save_to_ts_file(
        X,
        np.array(list(LABELS.values())),
        label_type="classification",
        path=str(folder),
        problem_name="three",
        file_suffix="",
    )
    next(folder.rglob("*.ts")).rename(folder / "three.ts")
    found, y = load_from_ts_file(str(folder / "three.ts"))
    _keep(folder, {f"three:{i}": found[i] for i in range(3)})
    return {
        "open": "three.ts",
        "ids": [f"three:{i}" for i in range(3)],
        "labels given": list(LABELS.values()),
        "labels by aeon": list(map(str, y)),
    }


def arff(folder: Path) -> Told:
    """ARFF of one channel, as liac-arff writes and aeon reads it."""
    import arff as liac
    from aeon.datasets import load_from_arff_file

    rows = [[*np.nan_to_num(one[1]).tolist(), name] for one, name in zip(SERIES.values(), "121", strict=True)]
    columns = [(f"att{i}", "REAL") for i in range(12)] + [("target", ["2", "1"])]
    with (folder / "three.arff").open("w") as file:
        liac.dump({"relation": "three", "attributes": columns, "data": rows}, file)
    found, y = load_from_arff_file(str(folder / "three.arff"))
    _keep(folder, {f"three:{i}": found[i] for i in range(3)})
    return {"open": "three.arff", "ids": [f"three:{i}" for i in range(3)], "labels": list(map(str, y))}


def ucr(folder: Path) -> Told:
    """A ``.tsv`` as in the UCR archive, which pandas writes and aeon reads."""
    import pandas as pd
    from aeon.datasets import load_from_tsv_file

    rows = [[label, *series[1]] for label, series in zip((2, -1, 2), SERIES.values(), strict=True)]
    pd.DataFrame(rows).to_csv(folder / "three.tsv", sep="\t", header=False, index=False, na_rep="NaN")
    found, y = load_from_tsv_file(str(folder / "three.tsv"))
    _keep(folder, {f"three:{i}": found[i] for i in range(3)})
    return {"open": "three.tsv", "ids": [f"three:{i}" for i in range(3)], "labels": [str(int(one)) for one in y]}


def wide_csv(folder: Path) -> Told:
    """A row for each series."""
    import pandas as pd

    frame = pd.DataFrame({f"t{i}": [series[1][i] for series in SERIES.values()] for i in range(12)})
    frame.insert(0, "id", list(SERIES))
    frame["label"], frame["group"] = list(LABELS.values()), ["p1", "p1", "p2"]
    frame.to_csv(folder / "wide.csv", index=False)
    read = pd.read_csv(folder / "wide.csv").set_index("id")
    _keep(folder, {name: read.loc[name, [f"t{i}" for i in range(12)]].to_numpy(float)[None] for name in read.index})
    return {
        "open": "wide.csv",
        "modality": "series",
        "ids": list(read.index),
        "labels": list(read["label"]),
        "group": list(read["group"]),
    }


def _long() -> Any:
    import pandas as pd

    return pd.concat(
        pd.DataFrame({"id": name, "time": np.arange(12) * 0.5, "x": series[0], "y": series[1], "label": LABELS[name]})
        for name, series in SERIES.items()
    )


def long_csv(folder: Path) -> Told:
    """A row for each moment, a column for each channel."""
    import pandas as pd

    _long().to_csv(folder / "long.csv", index=False)
    read = pd.read_csv(folder / "long.csv")
    ids = list(read["id"].unique())
    _keep(folder, {name: read[read["id"] == name][["x", "y"]].to_numpy().T for name in ids})
    labels = [read[read["id"] == name]["label"].iloc[0] for name in ids]
    return {"open": "long.csv", "modality": "series", "ids": ids, "labels": labels, "channels": ["x", "y"], "step": 0.5}


def melted_csv(folder: Path) -> Told:
    """A row for each value, its channel named beside it, in another order."""
    import pandas as pd

    melted = _long().melt(id_vars=["id", "time"], value_vars=["y", "x"], var_name="channel")
    melted.to_csv(folder / "melted.csv", index=False)
    read = pd.read_csv(folder / "melted.csv")
    ids = list(read["id"].unique())
    each = {name: read[read["id"] == name].pivot(index="channel", columns="time", values="value") for name in ids}
    _keep(folder, {name: table.loc[["y", "x"]].to_numpy() for name, table in each.items()})
    return {"open": "melted.csv", "modality": "series", "ids": ids, "channels": ["y", "x"], "step": 0.5}


def mat(folder: Path) -> Told:
    """MATLAB version 5, as SciPy writes it; the names are a cell, the labels a column of floats."""
    from scipy.io import loadmat, savemat

    names = np.array(["x", "y"], dtype=object)[None]
    X = np.array(list(SERIES.values()))
    savemat(
        folder / "three.mat",
        {"X": X, "labels": np.array([[1.0], [0.0], [1.0]]), "channel_names": names, "ids": list(SERIES)},
    )
    read = loadmat(folder / "three.mat")
    ids = [str(one).strip() for one in read["ids"]]
    _keep(folder, dict(zip(ids, read["X"], strict=True)))
    labels = [int(one) for one in read["labels"].ravel()]
    return {"open": "three.mat", "ids": ids, "labels": labels, "channels": ["x", "y"]}


def _edf(folder: Path, kind: str) -> Told:
    import pyedflib
    from pyedflib.highlevel import make_signal_header, read_edf, write_edf

    (folder / "out").mkdir()
    files = {}
    for n in range(2):
        signals = [50 * np.sin(np.arange(200) / (n + 3)), np.linspace(-20, 20, 20)]
        headers = [
            make_signal_header(name, sample_frequency=rate, physical_min=-100, physical_max=100)
            for name, rate in (("EEG Fz", 100), ("Resp", 10))
        ]
        if kind == "bdf":
            headers = [h | {"digital_min": -8388608, "digital_max": 8388607} for h in headers]
        name = f"night{n}.{kind}"
        file_type = pyedflib.FILETYPE_EDFPLUS if kind == "edf" else pyedflib.FILETYPE_BDFPLUS
        write_edf(str(folder / "out" / name), signals, headers, file_type=file_type)
        read, told, _ = read_edf(str(folder / "out" / name))
        files[f"{name} fast"], files[f"{name} slow"] = read
    _keep(folder, files)
    return {"open": "out", "ids": [f"night{n}.{kind}" for n in range(2)], "channels": [one["label"] for one in told]}


def edf(folder: Path) -> Told:
    """EDF+ with two rates."""
    return _edf(folder, "edf")


def bdf(folder: Path) -> Told:
    """BDF+ with two rates."""
    return _edf(folder, "bdf")


def wfdb(folder: Path) -> Told:
    """Records of two channels with a missing value, each a header and a file of signals."""
    import wfdb as library

    (folder / "out").mkdir()
    read = {}
    for n in range(2):
        signals = np.stack([np.sin(np.arange(50) / (n + 3)), np.linspace(-1, 1, 50)], axis=1)
        signals[7, 0] = np.nan
        name = f"r{n}"
        library.wrsamp(
            name,
            fs=250,
            units=["mV", "mV"],
            sig_name=["II", "V1"],
            p_signal=signals,
            fmt=["16", "16"],
            write_dir=str(folder / "out"),
        )
        read[f"{name}.hea"] = library.rdrecord(str(folder / "out" / name)).p_signal.T
    _keep(folder, read)
    return {"open": "out", "ids": ["r0.hea", "r1.hea"], "channels": ["II", "V1"], "step": 1 / 250}


# lists of files


def _pictures(folder: Path) -> list[str]:
    from PIL import Image

    names = ["cam 2/b.png", "cam1/a.png", "cam1/c.png"]
    for i, name in enumerate(names):
        (folder / name).parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((4, 6), 40 * i, np.uint8)).save(folder / name)
    _keep(folder, {name: np.asarray(Image.open(folder / name))[:, :, None] for name in names})
    return names


def _frame(folder: Path) -> Any:
    import pandas as pd

    return pd.DataFrame(
        {"path": _pictures(folder), "label": ["dog", "cat", "dog"], "group": ["p1", "p2", "p1"], "age": [3, 4, None]}
    )


def _list(name: str, read: Any) -> Told:
    return {
        "open": name,
        "ids": list(read["path"]),
        "labels": list(read["label"]),
        "group": list(read["group"]),
    }


def list_csv(folder: Path) -> Told:
    """A list of pictures as pandas writes it."""
    import pandas as pd

    _frame(folder).to_csv(folder / "list.csv", index=False)
    return _list("list.csv", pd.read_csv(folder / "list.csv"))


def list_jsonl(folder: Path) -> Told:
    """The same as JSON lines."""
    import pandas as pd

    _frame(folder).to_json(folder / "list.jsonl", orient="records", lines=True)
    return _list("list.jsonl", pd.read_json(folder / "list.jsonl", lines=True))


def list_parquet(folder: Path) -> Told:
    """The same as parquet."""
    import pandas as pd

    _frame(folder).to_parquet(folder / "list.parquet")
    return _list("list.parquet", pd.read_parquet(folder / "list.parquet"))


def list_xlsx(folder: Path) -> Told:
    """The same as a workbook."""
    import pandas as pd

    _frame(folder).to_excel(folder / "list.xlsx", index=False)
    return _list("list.xlsx", pd.read_excel(folder / "list.xlsx"))


# texts


def _texts() -> Any:
    import pandas as pd

    texts = ["one, two", 'says "no"\nand goes', "Größe"]
    return pd.DataFrame({"id": ["t2", "t0", "t1"], "text": texts, "label": ["good", "bad", "good"]})


def _text_table(name: str, read: Any) -> Told:
    return {"open": name, "ids": list(read["id"]), "texts": list(read["text"]), "labels": list(read["label"])}


def text_csv(folder: Path) -> Told:
    """Texts with commas, quotation marks and line breaks."""
    import pandas as pd

    _texts().to_csv(folder / "texts.csv", index=False)
    return _text_table("texts.csv", pd.read_csv(folder / "texts.csv"))


def text_jsonl(folder: Path) -> Told:
    """The same as JSON lines."""
    import pandas as pd

    _texts().to_json(folder / "texts.jsonl", orient="records", lines=True)
    return _text_table("texts.jsonl", pd.read_json(folder / "texts.jsonl", lines=True))


def text_xlsx(folder: Path) -> Told:
    """The same as a workbook."""
    import pandas as pd

    _texts().to_excel(folder / "texts.xlsx", index=False)
    return _text_table("texts.xlsx", pd.read_excel(folder / "texts.xlsx"))


# pictures


def _png(folder: Path, depth: type) -> Told:
    from PIL import Image

    (folder / "out").mkdir()
    top = np.iinfo(depth).max
    values = {f"p{i}.png": (np.arange(24).reshape(4, 6) * (top // (24 + i))).astype(depth) for i in range(2)}
    for name, pixels in values.items():
        Image.fromarray(pixels).save(folder / "out" / name)
    _keep(folder, {name: np.asarray(Image.open(folder / "out" / name))[:, :, None] for name in values})
    return {"open": "out", "ids": sorted(values)}


def png16(folder: Path) -> Told:
    """Gray pictures of 16 bits."""
    return _png(folder, np.uint16)


def _pillow(folder: Path, suffix: str, **options: Any) -> Told:
    from PIL import Image

    (folder / "out").mkdir()
    names = []
    for i in range(2):
        pixels = (np.add.outer(np.arange(8) * 9, np.arange(12) * (5 + i))[:, :, None] + [0, 40, 90]).astype(np.uint8)
        names.append(f"p{i}.{suffix}")
        Image.fromarray(pixels).save(folder / "out" / names[-1], **options)
    _keep(folder, {name: np.asarray(Image.open(folder / "out" / name).convert("RGB")) for name in names})
    return {"open": "out", "ids": names}


def gif(folder: Path) -> Told:
    """GIF, with a palette."""
    return _pillow(folder, "gif")


def webp(folder: Path) -> Told:
    """Lossless WebP."""
    return _pillow(folder, "webp", lossless=True)


def jpeg(folder: Path) -> Told:
    """JPEG."""
    return _pillow(folder, "jpg", quality=90)


def tiff16(folder: Path) -> Told:
    """TIFF of 16 bits, as tifffile writes it, one with white as zero."""
    import tifffile

    (folder / "out").mkdir()
    values = (np.arange(24).reshape(4, 6) * 2000).astype(np.uint16)
    tifffile.imwrite(folder / "out" / "a.tif", values)
    tifffile.imwrite(folder / "out" / "b.tif", 65535 - values, photometric="miniswhite")
    read = tifffile.imread(folder / "out" / "a.tif")
    _keep(folder, {"a.tif": read[:, :, None], "b.tif": read[:, :, None]})
    return {"open": "out", "ids": ["a.tif", "b.tif"]}


def ome_tiff(folder: Path) -> Told:
    """OME-TIFF with three channels as pages."""
    import tifffile

    (folder / "out").mkdir()
    values = (np.arange(72).reshape(3, 4, 6) * 3).astype(np.uint8)
    tifffile.imwrite(folder / "out" / "a.ome.tif", values, metadata={"axes": "CYX"}, photometric="minisblack")
    _keep(folder, {"a.ome.tif": np.moveaxis(tifffile.imread(folder / "out" / "a.ome.tif"), 0, 2)})
    return {"open": "out", "ids": ["a.ome.tif"]}


def dicom(folder: Path) -> Told:
    """DICOM: a window, white as low, signed values, a palette, colors and several frames."""
    from pydicom import dcmread
    from pydicom.pixels import apply_color_lut, apply_modality_lut, apply_voi_lut, pixel_array

    (folder / "out").mkdir()
    ct = (np.arange(24).reshape(4, 6) * 100).astype(np.uint16)
    kinds: dict[str, Told] = {
        "window": {"pixels": ct, "RescaleIntercept": -1024, "RescaleSlope": 1, "WindowCenter": 40, "WindowWidth": 400},
        "plain": {"pixels": ct, "BitsStored": 12, "HighBit": 11},
        "white_low": {"pixels": ct, "BitsStored": 12, "HighBit": 11, "PhotometricInterpretation": "MONOCHROME1"},
        "signed": {"pixels": (ct.astype(np.int16) - 1000), "PixelRepresentation": 1},
        "frames": {"pixels": np.stack([ct, ct[::-1]]), "NumberOfFrames": 2},
        "color": {
            "pixels": np.arange(72).reshape(4, 6, 3).astype(np.uint8),
            "PhotometricInterpretation": "RGB",
            "PlanarConfiguration": 0,
        },
        "palette": {
            "pixels": np.arange(24).reshape(4, 6).astype(np.uint8),
            "PhotometricInterpretation": "PALETTE COLOR",
        },
    }
    read = {}
    for name, kind in kinds.items():
        path = folder / "out" / f"{name}.dcm"
        _write_dicom(path, **kind)
        data = dcmread(path)
        stored = pixel_array(data, index=0) if name == "frames" else pixel_array(data)
        if name == "window":
            seen = apply_voi_lut(apply_modality_lut(stored, data), data)
            # the window is mapped to the range of the stored values after rescaling
            low, high = -1024, 65535 - 1024
            stored = np.rint((seen - low) / (high - low) * 65535).astype(np.uint16)
        elif name == "white_low":
            stored = 4095 - stored
        elif name == "signed":
            stored = (stored.astype(np.int64) + 32768).astype(np.uint16)
        elif name == "palette":
            stored = (apply_color_lut(stored, data) >> 8).astype(np.uint8)
        read[f"{name}.dcm"] = stored if stored.ndim == 3 else stored[:, :, None]
    _keep(folder, read)
    return {"open": "out", "ids": sorted(read)}


def _write_dicom(path: Path, pixels: Any, **fields: Any) -> None:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = SecondaryCaptureImageStorage
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = "1.2.3"
    size = pixels.shape[-3:-1] if pixels.ndim == 3 and pixels.shape[-1] == 3 else pixels.shape[-2:]
    data.Rows, data.Columns = size
    data.SamplesPerPixel = 3 if pixels.shape[-1] == 3 else 1
    data.BitsAllocated = data.BitsStored = 8 * pixels.dtype.itemsize
    data.HighBit, data.PixelRepresentation = data.BitsStored - 1, 0
    data.PhotometricInterpretation = "MONOCHROME2"
    for name, value in fields.items():
        setattr(data, name, value)
    if data.PhotometricInterpretation == "PALETTE COLOR":
        for color, step in (("Red", 250), ("Green", 120), ("Blue", 60)):
            setattr(data, f"{color}PaletteColorLookupTableDescriptor", [256, 0, 16])
            table = (np.arange(256) * step).astype(np.uint16)
            setattr(data, f"{color}PaletteColorLookupTableData", table.tobytes())
    data.PixelData = pixels.tobytes()
    data.save_as(path, enforce_file_format=True)


# sounds


def _sound(folder: Path, suffix: str, **options: Any) -> Told:
    import soundfile as sf

    (folder / "out").mkdir()
    samples = 0.5 * np.sin(np.arange(600)[:, None] / np.array([[5, 9]]))
    sf.write(folder / "out" / f"a.{suffix}", samples, 16_000, **options)
    read, rate = sf.read(folder / "out" / f"a.{suffix}", dtype="float32", always_2d=True)
    _keep(folder, {f"a.{suffix}": read.mean(axis=1)[None]})
    return {"open": "out", "ids": [f"a.{suffix}"], "rate": rate}


def wav24(folder: Path) -> Told:
    """WAV of 24 bits and two channels."""
    return _sound(folder, "wav", subtype="PCM_24")


def wav_float(folder: Path) -> Told:
    """WAV of floating point."""
    return _sound(folder, "wav", subtype="FLOAT")


def flac(folder: Path) -> Told:
    """FLAC."""
    return _sound(folder, "flac")


def ogg(folder: Path) -> Told:
    """OGG Vorbis."""
    return _sound(folder, "ogg")


def mp3(folder: Path) -> Told:
    """MP3."""
    return _sound(folder, "mp3")


# whole data sets


def npz(folder: Path) -> Told:
    """numpy's own file."""
    X = np.array(list(SERIES.values()))
    np.savez_compressed(folder / "three.npz", X=X, ids=list(SERIES), labels=[1, 0, 1], channel_names=["x", "y"])
    with np.load(folder / "three.npz") as read:
        ids = [str(one) for one in read["ids"]]
        _keep(folder, dict(zip(ids, read["X"], strict=True)))
        return {"open": "three.npz", "ids": ids, "labels": read["labels"].tolist(), "channels": ["x", "y"]}


def webdataset(folder: Path) -> Told:
    """Two tar archives of samples, as webdataset writes and reads them."""
    import webdataset as wds

    shards = folder / "shards"
    shards.mkdir()
    with wds.ShardWriter(str(shards / "train-%06d.tar"), maxcount=2, verbose=0) as sink:
        for i, label in enumerate([1, 0, 1]):
            picture = np.full((4, 6, 3), (40 * i, 9, 200), np.uint8)
            told = {"site": "north" if i < 2 else "south", "patient": i}
            sink.write({"__key__": f"night/{i:04}.5", "png": picture, "cls": label, "json": told})
    urls = sorted(map(str, shards.glob("*.tar")))
    rows = list(wds.WebDataset(urls, shardshuffle=False).decode("rgb8"))
    names = {url: Path(url).name for url in urls}
    # the key ends at the first dot: what follows is a part of each field's name
    values = {f"{names[row['__url__']]}/{row['__key__']}.5.png": row["5.png"] for row in rows}
    _keep(folder, values)
    return {
        "open": "shards",
        "ids": list(values),
        "labels": [int(row["5.cls"]) for row in rows],
        "columns": {
            "site": [row["5.json"]["site"] for row in rows],
            "patient": [row["5.json"]["patient"] for row in rows],
        },
    }


def datasets(folder: Path) -> Told:
    """Parquet as Hugging Face datasets writes it, with the names of the classes in its schema."""
    from datasets import ClassLabel, Dataset, Features, Image, load_dataset
    from PIL import Image as Picture

    pictures = [Picture.fromarray(np.full((4, 6), 40 * i, np.uint8)) for i in range(3)]
    features = Features({"image": Image(), "label": ClassLabel(names=["good", "defect"])})
    Dataset.from_dict({"image": pictures, "label": [1, 0, 1]}, features=features).to_parquet(folder / "train.parquet")
    read = load_dataset("parquet", data_files=str(folder / "train.parquet"), cache_dir=str(folder / "cache"))["train"]
    from shutil import rmtree

    values = {f"train:{i}": np.asarray(row["image"])[:, :, None] for i, row in enumerate(read)}
    labels = [read.features["label"].int2str(one) for one in read["label"]]
    _keep(folder, values)
    rmtree(folder / "cache")
    return {"open": "train.parquet", "ids": list(values), "labels": labels}
