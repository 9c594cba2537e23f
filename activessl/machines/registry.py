"""Machines by kind."""

from __future__ import annotations

from activessl.errors import ConfigError
from activessl.machines.base import Machine, Setting
from activessl.project.folder import Project
from activessl.registry import Registry

#: Kind to a function that takes a :class:`activessl.machines.base.Setting` and returns a machine. The client of
#: language models is an integration: the library itself connects to no server.
MACHINES = Registry(
    "kind of machine",
    {
        "function": "activessl.machines.function:function_of",
        "language": "activessl_machines.language:language_of",
        "model": "activessl.machines.model:model_of",
        "rules": "activessl.machines.rules:rules_of",
        "table": "activessl.machines.table:table_of",
        "zero_shot": "activessl.machines.zero_shot:zero_shot_of",
    },
    ConfigError,
    "activessl.machines",
)


def machine_of(project: Project, name: str) -> Machine:
    """Return the machine of a project that has this name.

    Raises:
        ConfigError: No such machine, an unknown kind, or settings that it cannot use.
    """
    config = project.config
    if name not in config.machines:
        known = ", ".join(config.machines)
        raise ConfigError(
            f"no machine {name!r} in activessl.toml",
            hint=f"use one of {known}" if known else f"add a section [machines.{name}]",
        )
    machine = config.machines[name]
    naming = project.history().naming
    setting = Setting(name, machine, config.data.classes, project.folder, config.data.modality, naming)
    made = MACHINES.get(machine.kind)(setting)
    if not isinstance(made, Machine):
        raise ConfigError(f"the kind {machine.kind!r} makes no machine", hint="register a function that returns one")
    return made
