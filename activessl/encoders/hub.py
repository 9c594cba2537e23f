"""Pretrained models from the hub or a folder: opened safely, and known by their weights."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from activessl.errors import EncoderError


def opened(model: str, opener: Callable[[bool], Any], *, encoder: str, extra: str, instead: str) -> Any:
    """What ``opener`` returns, its many-lined failures told in one sentence.

    Args:
        model: A name on the hub, or a folder.
        opener: Imports the package and opens the model; told whether to look at the disk alone.
        encoder: The encoder's name, for messages.
        extra: The extra that brings the package.
        instead: What to do where the hub cannot be reached.

    Raises:
        EncoderError: The package is not installed, or the model cannot be had.
    """
    folder, offline = Path(model).is_dir(), False
    try:
        offline = not folder and not _hub_answers()
        return opener(folder or offline)
    except ImportError as error:
        raise EncoderError(
            f"the encoder {encoder!r} needs a package that cannot be imported: {error}",
            hint=f"run `pip install 'activessl[{extra}]'`, or {instead}",
        ) from None
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        why = (str(error).strip() or type(error).__name__).splitlines()[0]
        if offline:
            why = "the hub cannot be reached, and it was not downloaded before"
        raise EncoderError(
            f"the model {model!r} cannot be opened: {why}",
            hint=f'{instead}, or name a folder that holds a model: model = "path/to/it"',
        ) from None


def _hub_answers() -> bool:
    """Whether the hub can be reached: asked once and shortly, where downloads would be tried for half a minute."""
    from huggingface_hub import constants, get_session  # pyright: ignore[reportMissingImports]  # of the extra

    if constants.HF_HUB_OFFLINE:
        return False
    try:
        get_session().head(constants.ENDPOINT, timeout=5)
    except Exception:  # noqa: BLE001  # of whichever HTTP library this version of the hub's package uses
        return False
    return True


def digest(model: Any) -> str:
    """SHA-256 of a model's weights by name, type and shape: the same for the same weights wherever they lie."""
    import torch

    found = hashlib.sha256()
    for name, weights in sorted(model.state_dict().items()):
        values = weights.detach().cpu().contiguous()
        found.update(f"{name}{values.dtype}{tuple(values.shape)}".encode())
        found.update(values.reshape(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()


def same_weights(model: Any, sha256: str, source: str) -> None:
    """Make sure that a model is the one that was used before.

    Raises:
        EncoderError: It has other weights now.
    """
    if digest(model) != sha256:
        raise EncoderError(
            f"the weights of {source} are not those that were used before",
            hint="put the earlier ones back, or delete the folder and encode again",
        )


def licence(model: str) -> str:
    """The licence that a model's card names; "unknown" where there is no card or it names none."""
    card = Path(model) / "README.md"
    if not card.is_file():
        try:
            from huggingface_hub import try_to_load_from_cache  # pyright: ignore[reportMissingImports]  # of the extra

            cached = try_to_load_from_cache(model, "README.md")
        except (ImportError, ValueError):
            return "unknown"
        if not isinstance(cached, str):
            return "unknown"
        card = Path(cached)
    head = card.read_text(encoding="utf-8", errors="replace")[:4000]
    named = re.match(r"---\n.*?^license:\s*([^\n#]+?)\s*$.*?^---", head, flags=re.DOTALL | re.MULTILINE)
    return named.group(1).strip("\"' ") if named else "unknown"
