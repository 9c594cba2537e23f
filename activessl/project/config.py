"""``activessl.toml``: what a project's owner decides, checked before it is believed."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from activessl.errors import ConfigError
from activessl.labels.answers import BETWEEN, NONE
from activessl.pool.pool import Modality

CONFIG_NAME = "activessl.toml"

#: So many alike items are shown together where the config does not say.
GROUP = 24

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DataConfig(_Section):
    """What there is to label, and into what."""

    path: str
    modality: Modality
    classes: tuple[Name, ...]
    multi_label: StrictBool = False  # whether an item may have several classes, or none
    test: str | None = None  # labeled data that is never asked about: measures every round

    @property
    def columns(self) -> tuple[str, ...]:
        """What a head's numbers stand for: with other names, or in another order, they say something else."""
        return ("multi-label", *self.classes) if self.multi_label else self.classes

    @field_validator("classes")
    @classmethod
    def _two_different(cls, classes: tuple[str, ...]) -> tuple[str, ...]:
        if len(classes) < 2:
            raise ValueError(f"{len(classes)} class given: a classifier needs at least 2")
        twice = sorted({c for c in classes if classes.count(c) > 1})
        if twice:
            raise ValueError(f"class {twice[0]!r} is there twice")
        return classes


class AnnotatorConfig(_Section):
    """Who answers. The token is never written here: only the name of the environment variable that holds it."""

    kind: Literal["label-studio"] = "label-studio"
    url: str | None = None  # None: the server that `activessl studio start` runs
    project: int | None = None  # None: made by the first push
    title: Annotated[str, StringConstraints(min_length=3, max_length=50)] = "activessl"
    token_env: Name = "LABEL_STUDIO_API_KEY"  # noqa: S105  # a name, not a token
    media: Literal["auto", "local", "upload", "inline"] = "auto"
    blind_share: Annotated[float, Field(ge=0, le=1)] = 0.1
    similar_together: bool = False  # within a round, alike items after each other
    tabs: Literal["none", "round", "annotator", "both"] = "round"  # of Label Studio's Data Manager, made by a push


class EncoderConfig(_Section):
    """How items become vectors."""

    name: Name = "auto"
    minutes: Annotated[float, Field(gt=0, le=100_000)] = 1.0
    model: Annotated[str, StringConstraints(min_length=1)] | None = None  # pretrained: a hub name or a folder
    adapt_minutes: Annotated[float, Field(ge=0, le=100_000)] = 0.0  # of training that model further on the pool
    precision: Literal["auto", "float32", "bfloat16"] = "auto"  # of a pretrained model of images


class FinetuneConfig(_Section):
    """Whether the encoder goes on learning, from labels."""

    when: Literal["never", "auto"] = "never"  # auto: after rounds of `run`, kept only if it pays
    minutes: Annotated[float, Field(gt=0, le=100_000)] = 5.0


class QueryConfig(_Section):
    """Which items are asked about."""

    strategy: Name = "auto"
    size: Annotated[int, Field(ge=1)] = 20
    random_share: Annotated[float, Field(ge=0, le=1)] = 0.1
    again: Annotated[float, Field(ge=0, le=1)] | Literal["auto"] = 0.0  # share of a round about doubted labels
    confirm: StrictBool | Annotated[int, Field(ge=4, le=100)] = False  # groups of alike items; true, or their size
    confirm_audit: Annotated[float, Field(ge=0, le=1)] = 0.1  # share of what was confirmed so, asked again alone

    @property
    def group_size(self) -> int:
        """How many alike items are shown together."""
        return GROUP if isinstance(self.confirm, bool) else self.confirm


class HeadConfig(_Section):
    """What learns from the labels."""

    name: Name = "logistic"


class StopConfig(_Section):
    """When `run` ends by itself."""

    labels: Annotated[int, Field(ge=1)] | None = None
    hours: Annotated[float, Field(gt=0)] | None = None
    rounds: Annotated[int, Field(ge=1)] | None = None
    accuracy: Annotated[float, Field(gt=0, le=1)] | None = None
    stable_kappa: Annotated[float, Field(gt=0, le=1)] | Literal[False] = 0.99  # false: do not stop for it


class RatesConfig(_Section):
    """What labeling costs, and what accuracy is worth. Amounts are in one currency."""

    per_hour: Annotated[float, Field(ge=0)] | None = None
    currency: Annotated[str, StringConstraints(min_length=1, max_length=8)] | None = None
    per_point: Annotated[float, Field(ge=0)] | None = None  # what a point of accuracy is worth
    overhead: Annotated[float, Field(ge=0)] = 0.0  # once: setting up, training annotators
    compute_per_hour: Annotated[float, Field(ge=0)] = 0.0  # of encoding, choosing and teaching


class StageConfig(_Section):
    """A stage of the project, and what must hold before the next one begins; what is left out is not asked."""

    name: Name
    accuracy: Annotated[float, Field(gt=0, lt=1)] | None = None  # its lower bound is at least this
    found: Annotated[float, Field(gt=0, lt=1)] | None = None  # of every class's items, by the lower bound, at least
    hours_per_point: Annotated[float, Field(gt=0)] | None = None  # the next point of accuracy takes at most this
    agreement: Annotated[float, Field(gt=0, le=1)] | None = None  # of two people about one item, at least
    hours_to_model: Annotated[float, Field(gt=0)] | None = None  # from `init` to the first model, at most


class Config(_Section):
    """The whole of ``activessl.toml``."""

    data: DataConfig
    annotator: AnnotatorConfig = AnnotatorConfig()
    encoder: EncoderConfig = EncoderConfig()
    finetune: FinetuneConfig = FinetuneConfig()
    query: QueryConfig = QueryConfig()
    head: HeadConfig = HeadConfig()
    stop: StopConfig = StopConfig()
    rates: RatesConfig = RatesConfig()
    stages: tuple[StageConfig, ...] = ()
    seed: Annotated[int, Field(ge=0)] = 0
    ledger: str = "ledger.db"  # a file in the project, or any SQLAlchemy URL

    @model_validator(mode="after")
    def _of_one_class_each(self) -> Config:
        odd = next((name for name in self.data.classes if BETWEEN in name or name == NONE), None)
        if self.data.multi_label and odd is not None:
            raise ValueError(
                f"class {odd!r}: {BETWEEN!r} stands between several classes, and {NONE!r} for none of them"
            )
        if self.data.multi_label and self.query.confirm:
            raise ValueError("query.confirm asks whether alike items are all of one class: not with data.multi_label")
        if self.data.multi_label and self.finetune.when != "never":
            raise ValueError(
                "finetune.when: the encoder learns from items of one class each, not with data.multi_label"
            )
        return self

    @field_validator("encoder")
    @classmethod
    def _a_model_to_adapt(cls, encoder: EncoderConfig) -> EncoderConfig:
        if encoder.adapt_minutes and encoder.model is None:
            raise ValueError("adapt_minutes without a model: name the pretrained model that is to be trained further")
        return encoder

    @field_validator("rates")
    @classmethod
    def _money_has_a_currency(cls, rates: RatesConfig) -> RatesConfig:
        amounts = ("per_hour", "per_point", "overhead", "compute_per_hour")
        named = next((name for name in amounts if getattr(rates, name)), None)
        if (named is not None or rates.per_hour is not None) and rates.currency is None:
            raise ValueError(f"rates.{named or 'per_hour'} without rates.currency: name the currency")
        return rates

    @field_validator("stages")
    @classmethod
    def _stages_differ(cls, stages: tuple[StageConfig, ...]) -> tuple[StageConfig, ...]:
        names = [stage.name for stage in stages]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"stage {twice[0]!r} is there twice")
        for stage in stages:
            if not stage.model_dump(exclude={"name"}, exclude_none=True):
                raise ValueError(f"stage {stage.name!r} asks for nothing: give it accuracy, hours_per_point, …")
        return stages


def read_config(path: Path) -> Config:
    """Read and check a config file.

    Raises:
        ConfigError: The file cannot be read or parsed, or a value cannot be used; names the key.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8-sig"))  # Windows editors put a mark in front
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}", hint="run `activessl init DATA` first") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path.name} is not valid TOML: {error}", hint="mend that line") from None
    return check_config(raw, name=path.name)


def check_config(raw: dict[str, Any], *, name: str = CONFIG_NAME) -> Config:
    """Check a config that was parsed or put together.

    Raises:
        ConfigError: A value cannot be used; names the key.

    Example:
        >>> config = check_config({"data": {"path": "images", "modality": "image", "classes": ["cat", "dog"]}})
        >>> config.query.size
        20
        >>> check_config({"data": {"path": "images", "modality": "image", "classes": ["cat"]}})
        Traceback (most recent call last):
        activessl.errors.ConfigError: activessl.toml: data.classes: 1 class given: a classifier needs at least 2
         hint: mend data.classes in activessl.toml
    """
    try:
        return Config.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"]) or "the file"
        what = first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"{name}: {key}: {what[0].lower() + what[1:]}", hint=f"mend {key} in {name}") from None


def write_config(config: Config) -> str:
    """The text of a new ``activessl.toml``, with a comment on each thing that a person may want to change.

    Example:
        >>> config = check_config({"data": {"path": "images", "modality": "image", "classes": ["cat", "dog"]}})
        >>> check_config(tomllib.loads(write_config(config))) == config
        True
    """
    c = config
    lines = [
        "# made by `activessl init`; yours to edit",
        f"seed = {c.seed}",
        f"ledger = {_text(c.ledger)}  # or a URL such as postgresql+psycopg://host/name, for a team",
        "",
        "[data]",
        f"path = {_text(c.data.path)}",
        f"modality = {_text(c.data.modality)}",
        f"classes = [{', '.join(_text(name) for name in c.data.classes)}]",
        f"multi_label = {str(c.data.multi_label).lower()}  # true: an item may have several classes, or none",
        f"test = {_text(c.data.test)}" if c.data.test else '# test = "test.npz"  # labeled items, never asked about',
        "",
        "[annotator]",
        f"kind = {_text(c.annotator.kind)}",
        f"url = {_text(c.annotator.url)}"
        if c.annotator.url
        else '# url = "https://…"  # else `activessl studio start`',
        f"project = {c.annotator.project}" if c.annotator.project else "# project = 1  # else the first push makes one",
        f"title = {_text(c.annotator.title)}",
        f"token_env = {_text(c.annotator.token_env)}  # the environment variable that holds the token",
        f"media = {_text(c.annotator.media)}  # auto, local (the server sees this disk), upload, inline",
        f"blind_share = {c.annotator.blind_share}  # shown without the model's answer, to measure anchoring",
        f"similar_together = {str(c.annotator.similar_together).lower()}"
        "  # true: in a round, alike items after each other; else the most informative first",
        f"tabs = {_text(c.annotator.tabs)}  # in Label Studio's list of tasks: round, annotator, both, none",
        "",
        "[encoder]",
        f"name = {_text(c.encoder.name)}",
        f"minutes = {c.encoder.minutes}  # of training on this machine",
        f"model = {_text(c.encoder.model)}"
        if c.encoder.model
        else '# model = "facebook/dinov2-small"  # a pretrained one, for images or texts: from the hub, or a folder',
        f"adapt_minutes = {c.encoder.adapt_minutes}  # of training that model further on the images of the pool"
        if c.encoder.adapt_minutes
        else "# adapt_minutes = 5  # of training that model further on the images of the pool",
        f"precision = {_text(c.encoder.precision)}  # of a pretrained model of images; auto: bfloat16 where there is it"
        if c.encoder.precision != "auto"
        else '# precision = "float32"  # of a pretrained model of images; else bfloat16 where this machine has it',
        "",
        "[finetune]",
        f"when = {_text(c.finetune.when)}  # auto: `run` fine-tunes the encoder on the labels, and keeps it if it pays",
        f"minutes = {c.finetune.minutes}",
        "",
        "[query]",
        f"strategy = {_text(c.query.strategy)}",
        f"size = {c.query.size}  # items a round",
        f"random_share = {c.query.random_share}  # drawn at random, to measure accuracy without a test set",
        f"again = {_text(c.query.again) if isinstance(c.query.again, str) else c.query.again}"
        '  # share that asks again about doubted labels, or "auto"',
        f"confirm = {str(c.query.confirm).lower()}  # true, or how many: alike items, confirmed at a glance",
        f"confirm_audit = {c.query.confirm_audit}  # share of these that is asked again, one by one and blind",
        "",
        "[head]",
        f"name = {_text(c.head.name)}",
        "",
        "[stop]",
        *(_optional(k, v) for k, v in (("labels", c.stop.labels), ("hours", c.stop.hours), ("rounds", c.stop.rounds))),
        _optional("accuracy", c.stop.accuracy),
        f"stable_kappa = {c.stop.stable_kappa or 'false'}  # agreement of three rounds' models; false: go on",
        "",
        "[rates]",
        _optional("per_hour", c.rates.per_hour),
        f"currency = {_text(c.rates.currency)}" if c.rates.currency else '# currency = "EUR"',
        _optional("per_point", c.rates.per_point) + "  # what a point of accuracy is worth",
        f"overhead = {c.rates.overhead}  # once: setting up, training annotators",
        f"compute_per_hour = {c.rates.compute_per_hour}",
        "",
        *(line for stage in c.stages for line in _stage(stage)),
        *([] if c.stages else _STAGE_EXAMPLE),
    ]
    return "\n".join(lines)


def _text(value: str) -> str:
    """A TOML basic string."""
    out = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08X}" for c in out) + '"'


#: What a stage may look like, for whoever wants one.
_STAGE_EXAMPLE = (
    "# [[stages]]  # judged by `activessl gate`",
    '# name = "pilot"',
    "# accuracy = 0.8  # its lower bound is at least this",
    "# hours_per_point = 2.0  # the next point of accuracy takes at most this",
    "# agreement = 0.9  # of two people about one item",
    "# hours_to_model = 24  # from init to the first model",
    "",
)


def _stage(stage: StageConfig) -> list[str]:
    asked = stage.model_dump(exclude={"name"}, exclude_none=True)
    return ["[[stages]]", f"name = {_text(stage.name)}", *(f"{k} = {v}" for k, v in asked.items()), ""]


def _optional(key: str, value: float | None) -> str:
    return f"# {key} = " if value is None else f"{key} = {value}"
