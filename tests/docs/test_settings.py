"""docs/reference/settings.md is made from the config model: ``python tests/docs/test_settings.py`` writes it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from activessl.project.config import Config, MachineConfig, StageConfig

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "settings.md"

INTRODUCTION = """# The settings

All keys of `activessl.toml`, which `activessl init` writes into the project folder.
A key that the file does not have has its default. Paths are relative to the file.
`tests/docs/test_settings.py` makes this page from `activessl/project/config.py`.
"""


def page() -> str:
    """Return the text of the page."""
    own = {name: field for name, field in Config.model_fields.items() if not _section(field.annotation)}
    own.pop("stages")
    own.pop("machines")
    parts = [INTRODUCTION, "## At the top of the file\n", *_table(Config, own)]
    for name, field in Config.model_fields.items():
        section = _section(field.annotation)
        if section is not None:
            parts += [f"\n## `[{name}]`\n", f"{section.__doc__}\n", *_table(section, section.model_fields)]
    parts += ["\n## `[[stages]]`\n", f"{StageConfig.__doc__}\n", *_table(StageConfig, StageConfig.model_fields)]
    parts += ["\n## `[machines.NAME]`\n", f"{MachineConfig.__doc__}\n"]
    parts += _table(MachineConfig, MachineConfig.model_fields)
    return "\n".join(parts) + "\n"


def _section(annotation: Any) -> type[BaseModel] | None:
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _table(model: type[BaseModel], fields: Any) -> Iterator[str]:
    yield "| key | values | default | meaning |"
    yield "|---|---|---|---|"
    schema = model.model_json_schema()["properties"]
    for name, field in fields.items():
        default = "needed" if field.is_required() else "–" if field.default is None else _code(field.default)
        yield f"| `{name}` | {_values(schema[name])} | {default} | {field.description} |"


def _values(schema: dict[str, Any]) -> str:
    """Say which values a key can have."""
    if "anyOf" in schema:
        return " or ".join(_values(one) for one in schema["anyOf"] if one.get("type") != "null")
    known = schema.get("enum", [schema["const"]] if "const" in schema else [])
    if known:
        return ", ".join(map(_code, known))
    kind = {"string": "text", "integer": "whole number", "number": "number", "boolean": "`true`, `false`"}
    kind["object"] = "table of lists of texts"
    text = kind.get(schema["type"], "list of texts")
    ends = [(f"{word} {schema[key]:,g}") for key, word in BOUNDS.items() if key in schema]
    return f"{text} {' and '.join(ends)}" if ends else text


BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


def _code(value: Any) -> str:
    return f"`{json.dumps(value)}`"


def test_the_page_of_settings_has_what_the_config_model_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python tests/docs/test_settings.py"


def test_every_setting_has_a_meaning() -> None:
    sections = [
        Config,
        StageConfig,
        MachineConfig,
        *filter(None, (_section(f.annotation) for f in Config.model_fields.values())),
    ]
    silent = [
        f"{section.__name__}.{name}"
        for section in sections
        for name, field in section.model_fields.items()
        if not field.description and not _section(field.annotation) and name not in ("stages", "machines")
    ]
    assert silent == []


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
