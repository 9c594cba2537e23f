"""Encoders of parts as folders that can be moved: copied from a project, and read without its pool."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from activessl.encoders.parts.base import PartEncoder
from activessl.encoders.parts.registry import PARTS, PartEntry
from activessl.errors import EncoderError

__all__ = ["AGAIN", "load_parts", "save_parts"]

#: The hint for a folder that cannot be read.
AGAIN = "export the model again"
_NOTE = "parts.json"


def save_parts(encoder: PartEncoder, encoders: Path, folder: Path) -> None:
    """Copy what an encoder of parts is read from into a new folder.

    Args:
        encoder: The encoder.
        encoders: The folder where it was saved, such as ``encoders`` of a project.
        folder: The new folder.

    Raises:
        EncoderError: An encoder of another package that cannot leave its project, or files that are missing.
    """
    entry: PartEntry = PARTS.get(encoder.name)
    if entry.stored is None or entry.load is None:
        raise EncoderError(
            f"the encoder {encoder.name!r} cannot leave its project", hint="encode with another one: encoder.name"
        )
    told = entry.stored(encoder)
    folder.mkdir(parents=True)
    for name in told.folders:
        if not (encoders / name).is_dir():
            raise EncoderError(f"the encoder in {encoders / name} is missing", hint="run `activessl encode`")
        (folder / name).mkdir()
        for part in (encoders / name).iterdir():  # contents without permissions: a model is for others, too
            shutil.copyfile(part, folder / name / part.name)
    note = {
        "encoder": encoder.name,
        "fingerprint": encoder.fingerprint,
        "folders": told.folders,
        "settings": told.settings,
    }
    (folder / _NOTE).write_text(json.dumps(note, indent=1), encoding="utf-8")


def load_parts(folder: Path) -> PartEncoder:
    """Read an encoder that ``save_parts`` copied.

    Raises:
        EncoderError: There is none, it was changed, or it needs a wheel that is not installed.
    """
    try:
        note = json.loads((folder / _NOTE).read_text(encoding="utf-8"))
        name, fingerprint, settings = str(note["encoder"]), note["fingerprint"], dict(note["settings"])
        folders = [folder / Path(str(one)).name for one in note["folders"]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise EncoderError(f"no encoder of parts in {folder}", hint=AGAIN) from None
    entry: PartEntry = PARTS.get(name)
    if entry.load is None:
        raise EncoderError(f"the encoder {name!r} cannot be read without its project", hint=AGAIN)
    try:
        encoder = entry.load(folders, settings)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise EncoderError(f"damaged encoder of parts in {folder}: {error!r}", hint=AGAIN) from None
    if encoder.fingerprint != fingerprint:
        raise EncoderError(f"the encoder of parts in {folder} does not match its fingerprint", hint=AGAIN)
    return encoder
