"""The state of a training run in one safetensors file, which is replaced in one step and so never incomplete."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from activessl.errors import EncoderError
from activessl.sealed import replaced


def write_checkpoint(
    path: Path, model: torch.nn.Module, optimiser: torch.optim.Optimizer, state: dict[str, Any]
) -> None:
    """Write weights, the optimizer's moments and some JSON values, and replace the file in one step.

    Raises:
        EncoderError: The file cannot be written.
    """
    tensors = {f"model.{name}": value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    for i, parameter in enumerate(_parameters(optimiser)):
        for name, value in optimiser.state[parameter].items():
            tensors[f"optimiser.{i}.{name}"] = value.detach().cpu().contiguous()
    text = json.dumps(state)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replaced(path) as part:
            save_file(tensors, part, metadata={"state": text, "sha256": _digest(text, tensors)})
    except (OSError, SafetensorError) as error:
        raise EncoderError(
            f"the checkpoint {path} cannot be written: {error}",
            hint="free disk space, or check the write permission of the folder",
        ) from None


def read_checkpoint(path: Path, model: torch.nn.Module, optimiser: torch.optim.Optimizer) -> dict[str, Any] | None:
    """Restore the state of ``write_checkpoint`` and return its JSON values; None if there is no usable file.

    A file that is damaged or belongs to another model is ignored: training then starts from the beginning.
    """
    try:
        with safe_open(path, framework="pt") as file:
            told = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  not a dict
        if told["sha256"] != _digest(told["state"], tensors):
            return None
        state = json.loads(told["state"])
    except (OSError, SafetensorError, KeyError, ValueError):
        return None
    weights = {name.removeprefix("model."): value for name, value in tensors.items() if name.startswith("model.")}
    now = model.state_dict()
    if {name: value.shape for name, value in weights.items()} != {name: value.shape for name, value in now.items()}:
        return None
    model.load_state_dict(weights)
    for i, parameter in enumerate(_parameters(optimiser)):
        prefix = f"optimiser.{i}."
        moments = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
        optimiser.state[parameter] = {
            # AdamW keeps the step counter on the CPU
            name: value if value.ndim == 0 else value.to(parameter.device)
            for name, value in moments.items()
        }
    return dict(state)


def _digest(state: str, tensors: Mapping[str, torch.Tensor]) -> str:
    digest = hashlib.sha256(state.encode())
    for name in sorted(tensors):
        value = tensors[name].contiguous()
        digest.update(f"{name}{value.dtype}{tuple(value.shape)}".encode())
        digest.update(value.view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _parameters(optimiser: torch.optim.Optimizer) -> list[torch.nn.Parameter]:
    return [parameter for group in optimiser.param_groups for parameter in group["params"]]
