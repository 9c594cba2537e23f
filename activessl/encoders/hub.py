"""Pretrained models from the hub or a folder: open them safely, and identify them by a digest of their weights."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from activessl.errors import EncoderError


def opened(model: str, opener: Callable[[bool], Any], *, encoder: str, extra: str, instead: str) -> Any:
    """Return what ``opener`` returns, and report its long errors in one sentence.

    Args:
        model: A name on the hub, or a folder.
        opener: Imports the package and opens the model; its argument says whether only local files may be read.
        encoder: The encoder's name, for messages.
        extra: The extra of activessl that installs the package.
        instead: The alternative for the hint, in the imperative.

    Raises:
        EncoderError: The package is not installed, or the model cannot be opened.
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
            why = "the hub cannot be reached, and the model is not in the local cache"
        raise EncoderError(
            f"the model {model!r} cannot be opened: {why}",
            hint=f'{instead}, or set model = "path/to/folder" to a folder that holds a model',
        ) from None


def _hub_answers() -> bool:
    """Whether the hub can be reached: one request with a timeout of 5 s; a download would retry for half a minute."""
    from huggingface_hub import constants, get_session  # pyright: ignore[reportMissingImports]  # of the extra

    if constants.HF_HUB_OFFLINE:
        return False
    try:
        get_session().head(constants.ENDPOINT, timeout=5)
    except Exception:  # noqa: BLE001  # the HTTP library depends on the version of huggingface_hub
        return False
    return True


def digest(model: Any) -> str:
    """SHA-256 of a model's weights with their names, types and shapes; independent of where the weights are stored."""
    import torch

    found = hashlib.sha256()
    for name, weights in sorted(model.state_dict().items()):
        values = weights.detach().cpu().contiguous()
        found.update(f"{name}{values.dtype}{tuple(values.shape)}".encode())
        found.update(values.reshape(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()


def same_weights(model: Any, sha256: str, source: str) -> None:
    """Check that a model has the weights that were used before.

    Raises:
        EncoderError: The weights are different.
    """
    if digest(model) != sha256:
        raise EncoderError(
            f"the weights of {source} differ from the weights that this encoder was made with",
            hint="restore the earlier weights, or delete the encoder's folder and run `activessl encode`",
        )


def licence(model: str) -> str:
    """The license in a model's card; "unknown" without a card, or if the card names no license."""
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
