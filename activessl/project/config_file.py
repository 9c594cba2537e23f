"""Read ``activessl.toml`` in any format, write it with a comment on each setting, and migrate it.

tomlkit edits the file, so that a migration keeps the user's comments and order.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from activessl.errors import ConfigError
from activessl.project.config import FORMAT, Config, StageConfig, check_config


def read_config(path: Path) -> Config:
    """Read and check a config file.

    Raises:
        ConfigError: The file cannot be read or parsed, has a newer format, or has a value that cannot be used; the
            message has the key.
    """
    found = upgraded(_parsed(path), path.name)
    try:
        return check_config(found, name=path.name)
    except RecursionError:
        raise _too_deep(path) from None


def is_current(path: Path) -> bool:
    """Whether a config file has the current format.

    Raises:
        ConfigError: The file cannot be read or parsed.
    """
    return bool(_parsed(path).get("format", 1) == FORMAT)


def migrated(text: str) -> str:
    """Return the text of an older file in the current format, with the user's comments and order.

    Example:
        >>> print(migrated("# mine\\nseed = 3  # of Ann\\n"))
        # mine
        format = 2
        seed = 3  # of Ann
        <BLANKLINE>
    """
    import tomlkit

    document = tomlkit.parse(text)
    for stage in document.get("stages", ()):
        if "found" in stage:
            stage["recall"] = stage.pop("found")
    if "format" in document:
        document["format"] = FORMAT
        return tomlkit.dumps(document)
    line = f"format = {FORMAT}\n"
    lines = tomlkit.dumps(document).splitlines(keepends=True)
    first = next((i for i, one in enumerate(lines) if one.strip() and not one.startswith("#")), len(lines))
    return "".join([*lines[:first], line, *lines[first:]])


def upgraded(raw: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the settings of an older file in the current format.

    Raises:
        ConfigError: The file has a newer format.
    """
    version = raw.get("format", 1)
    if isinstance(version, int) and version > FORMAT:
        raise ConfigError(
            f"{name} has format {version}, written by a newer activessl; this version reads formats up to {FORMAT}",
            hint="update activessl: pip install --upgrade activessl",
        )
    if version != 1:
        return raw
    stages = raw.get("stages", [])
    renamed = [
        {("recall" if key == "found" else key): value for key, value in stage.items()}
        if isinstance(stage, dict)
        else stage
        for stage in (stages if isinstance(stages, list) else [stages])
    ]
    return {**raw, "format": FORMAT, **({"stages": renamed} if "stages" in raw else {})}


def with_classes(text: str, before: Sequence[str], into: Mapping[str, Sequence[str]], after: Sequence[str]) -> str:
    """Return the text of a file with other classes; comments and order of all else stay.

    Args:
        text: The file.
        before: The classes in it.
        into: Each of them that is replaced, and the names in its place.
        after: The classes that it shall have.

    Raises:
        ConfigError: The file has no list of classes that can be edited.

    Example:
        >>> text = '[data]\\nclasses = [\\n  "cat",  # tame\\n  "dog",\\n]\\n'
        >>> print(with_classes(text, ["cat", "dog"], {"cat": ["feline"]}, ["feline", "dog"]))
        [data]
        classes = [
          "feline",  # tame
          "dog",
        ]
        <BLANKLINE>
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        document = tomlkit.parse(text)
        data: Any = document["data"]
        listed: Any = data["classes"]
        # a name in its place keeps the comment behind it
        if len(before) == len(after) and all(len(into.get(name, (name,))) == 1 for name in before):
            for i, name in enumerate(after):
                if before[i] != name:
                    listed[i] = name
        elif list(after[: len(before)]) == list(before):
            for name in after[len(before) :]:
                listed.append(name)
        if [str(name).strip() for name in listed] != list(after):
            data["classes"] = _list_of(after, listed)
        return tomlkit.dumps(document)
    except (TOMLKitError, KeyError, TypeError, AttributeError, IndexError):
        raise ConfigError(
            "activessl.toml has no list data.classes that can be edited",
            hint=f"set data.classes to {', '.join(after)} in activessl.toml by hand",
        ) from None


def with_ledger(text: str, ledger: str) -> str:
    """Return the text of a config with another place of the ledger; comments and order stay.

    Example:
        >>> with_ledger('seed = 1  # of all\\nledger = "ledger.db"\\n', "postgresql://db/x")
        'seed = 1  # of all\\nledger = "postgresql://db/x"\\n'
    """
    import tomlkit

    document = tomlkit.parse(text)
    document["ledger"] = ledger
    return tomlkit.dumps(document)


def _list_of(names: Sequence[str], like: Any) -> Any:
    """A list with a comment for each name that had one, and on lines of their own if those of ``like`` are."""
    import tomlkit

    told: dict[str, str] = {}
    lines = like.as_string().splitlines()
    for line in lines:
        name, mark, comment = line.partition("#")
        with suppress(tomllib.TOMLDecodeError):
            found = tomllib.loads(f"a = [{name.strip().strip('[],').strip()}]")["a"] if mark else []
            told |= {str(name): comment.strip() for name in found[-1:]}
    if not any(name in told for name in names):
        made = tomlkit.array()
        made.extend(names)
        return made.multiline(len(lines) > 1)
    made = tomlkit.array()
    for name in names:
        made.add_line(name, comment=told.get(name))
    made.add_line(indent="")
    return made


def write_config(config: Config) -> str:
    """Return the text of a new ``activessl.toml``, with a comment on each setting that users may want to change.

    Example:
        >>> config = check_config({"data": {"path": "images", "modality": "image", "classes": ["cat", "dog"]}})
        >>> check_config(tomllib.loads(write_config(config))) == config
        True
    """
    import tomlkit

    document = tomlkit.document()
    document.add(tomlkit.comment("created by `activessl init`; edit it as needed"))
    for name, field in Config.model_fields.items():
        value = getattr(config, name)
        if isinstance(value, BaseModel):
            table = tomlkit.table()
            _fill(table, value)
            document.add(tomlkit.nl())
            document.add(name, table)
        elif name == "stages":
            _add_stages(document, config)
        elif name == "machines":
            _add_machines(document, config)
        else:
            document.add(name, _item(value, field.description))
    return tomlkit.dumps(document)


def _fill(table: Any, section: BaseModel) -> None:
    """Add each setting with its comment; add a setting without a value as an example that is commented out."""
    import tomlkit

    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if value is None:
            told = f"  # {field.description}" if field.description else ""
            (example,) = field.examples or [""]
            table.add(tomlkit.comment(f"{name} = {tomlkit.item(example).as_string()}{told}"))
        else:
            table.add(name, _item(value, field.description))


def _item(value: Any, why: str | None) -> Any:
    import tomlkit

    item = tomlkit.item(list(value) if isinstance(value, tuple) else value)
    return item.comment(why) if why else item


def _add_stages(document: Any, config: Config) -> None:
    import tomlkit

    document.add(tomlkit.nl())
    if config.stages:
        stages = tomlkit.aot()
        for stage in config.stages:
            table = tomlkit.table()
            for key, value in stage.model_dump(exclude_none=True).items():
                table.add(key, value)
            stages.append(table)
        document.add("stages", stages)
        return
    document.add(tomlkit.comment("[[stages]]  # judged by `activessl gate`"))
    document.add(tomlkit.comment('name = "pilot"'))
    for name, field in StageConfig.model_fields.items():
        if field.examples:
            document.add(tomlkit.comment(f"{name} = {field.examples[0]}  # {field.description}"))


def _add_machines(document: Any, config: Config) -> None:
    import tomlkit

    document.add(tomlkit.nl())
    if not config.machines:
        document.add(tomlkit.comment("[machines.NAME]  # what answers for less than a person: `activessl machines`"))
        return
    machines = tomlkit.table(is_super_table=True)
    for name, machine in config.machines.items():
        table = tomlkit.table()
        for key, value in machine.model_dump(exclude_none=True, exclude_defaults=True).items():
            table.add(key, {k: list(v) for k, v in value.items()} if isinstance(value, dict) else value)
        machines.add(name, table)
    document.add("machines", machines)


def _parsed(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))  # Windows editors write a byte order mark
    except OSError as error:
        raise ConfigError(
            f"cannot read {path}: {error.strerror}",
            hint="run `activessl init DATA`, or check the permissions of the file",
        ) from None
    except ValueError as error:  # no TOML, no UTF-8, or a number of thousands of digits
        raise ConfigError(
            f"{path.name} is not valid TOML: {error}", hint="correct the line that the message names"
        ) from None
    except RecursionError:
        raise _too_deep(path) from None


def _too_deep(path: Path) -> ConfigError:
    return ConfigError(
        f"{path.name} cannot be read: its lists or tables are nested too deep",
        hint="give each setting the form that `activessl init` writes",
    )
