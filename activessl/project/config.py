"""``activessl.toml``: what a project's owner decides, checked before it is believed."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
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
from activessl.labels.kinds import LabelKind, kind_named
from activessl.pool.forms.registry import FORMS, form_names
from activessl.pool.pool import Modality

CONFIG_NAME = "activessl.toml"

#: The version of the file's form; ``activessl.project.config_file`` reads earlier ones.
FORMAT: Literal[2] = 2

#: So many alike items are shown together where the config does not say.
CLUSTER = 24

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _known_form(name: str) -> str:
    if name not in FORMS:
        raise ValueError(f"no form of data is called {name!r}: use one of {', '.join(form_names())}")
    return name


def _told(default: Any, why: str, example: Any = None) -> Any:
    """A setting with what is written beside it in a new file, and an example where it is not set by default."""
    return Field(default=default, description=why or None, examples=None if example is None else [example])


class DataConfig(_Section):
    """What there is to label, and into what."""

    path: str
    modality: Annotated[Modality, AfterValidator(_known_form)]
    classes: tuple[Name, ...]
    multi_label: StrictBool = _told(False, "true: an item may have several classes, or none")
    test: str | None = _told(None, "labeled items that are never asked about: they measure every round", "test.npz")

    @property
    def kind(self) -> LabelKind:
        """How many classes an item has."""
        return kind_named("several" if self.multi_label else "one")

    @property
    def columns(self) -> tuple[str, ...]:
        """What a head's numbers stand for: with other names, or in another order, they say something else."""
        return self.kind.columns(self.classes)

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

    kind: Name = "label-studio"
    url: str | None = _told(None, "else the server of `activessl studio start`", "https://labels.example.com")
    project: int | None = _told(None, "else the first push makes one", 1)
    title: Annotated[str, StringConstraints(min_length=3, max_length=50)] = "activessl"
    token_env: Name = _told("LABEL_STUDIO_API_KEY", "the environment variable that holds the token")
    media: Literal["auto", "local", "upload", "inline"] = _told("auto", "how pictures reach the browser")
    blind_share: Annotated[float, Field(ge=0, le=1)] = _told(0.1, "share shown without the model's suggestion")
    similar_together: bool = _told(False, "true: similar items follow each other; else the most informative come first")
    tabs: Literal["none", "round", "annotator", "both"] = _told("round", "tabs in Label Studio's Data Manager")


class EncoderConfig(_Section):
    """How items become vectors."""

    name: Name = "auto"
    minutes: Annotated[float, Field(gt=0, le=100_000)] = _told(1.0, "of training on this machine")
    model: Annotated[str, StringConstraints(min_length=1)] | None = _told(
        None, "a pretrained model for images or texts: from the hub, or a folder", "facebook/dinov2-small"
    )
    adapt_minutes: Annotated[float, Field(ge=0, le=100_000)] = _told(0.0, "of training that model on these images")
    precision: Literal["auto", "float32", "bfloat16"] = _told("auto", "of a pretrained model of images")


class FinetuneConfig(_Section):
    """Whether the encoder goes on learning, from labels."""

    when: Literal["never", "auto"] = _told("never", "auto: `run` fine-tunes the encoder, kept if accuracy rises")
    minutes: Annotated[float, Field(gt=0, le=100_000)] = 5.0


class QueryConfig(_Section):
    """Which items are asked about."""

    strategy: Name = "auto"
    size: Annotated[int, Field(ge=1)] = _told(20, "items a round")
    random_share: Annotated[float, Field(ge=0, le=1)] = _told(0.1, "drawn at random, to measure accuracy")
    again: Annotated[float, Field(ge=0, le=1)] | Literal["auto"] = _told(0.0, 'share for doubted labels, or "auto"')
    confirm: StrictBool | Annotated[int, Field(ge=4, le=100)] = _told(
        False, "true, or a number of items: clusters of similar items are confirmed together"
    )
    confirm_audit: Annotated[float, Field(ge=0, le=1)] = _told(0.1, "share of them that is asked again, blind")

    @property
    def cluster_size(self) -> int:
        """How many alike items are shown together."""
        return CLUSTER if isinstance(self.confirm, bool) else self.confirm


class HeadConfig(_Section):
    """What learns from the labels."""

    name: Name = "logistic"


class StopConfig(_Section):
    """When `run` ends by itself."""

    labels: Annotated[int, Field(ge=1)] | None = _told(None, "labels at most", 1000)
    hours: Annotated[float, Field(gt=0)] | None = _told(None, "of labeling at most", 10.0)
    rounds: Annotated[int, Field(ge=1)] | None = _told(None, "rounds at most", 30)
    accuracy: Annotated[float, Field(gt=0, le=1)] | None = _told(None, "its lower bound is at least this", 0.95)
    stable_kappa: Annotated[float, Field(gt=0, le=1)] | Literal[False] = _told(
        0.99, "agreement between the models of three rounds; false: not used"
    )


class RatesConfig(_Section):
    """What labeling costs, and what accuracy is worth. Amounts are in one currency."""

    per_hour: Annotated[float, Field(ge=0)] | None = _told(None, "what an hour of labeling costs", 30.0)
    currency: Annotated[str, StringConstraints(min_length=1, max_length=8)] | None = _told(None, "", "EUR")
    per_point: Annotated[float, Field(ge=0)] | None = _told(None, "what a percentage point of accuracy is worth", 100.0)
    overhead: Annotated[float, Field(ge=0)] = _told(0.0, "once: setting up, training annotators")
    compute_per_hour: Annotated[float, Field(ge=0)] = _told(0.0, "of encoding, choosing and teaching")


class StageConfig(_Section):
    """A stage of the project, and what must hold before the next one begins; what is left out is not asked."""

    name: Name
    accuracy: Annotated[float, Field(gt=0, lt=1)] | None = _told(None, "its lower bound is at least this", 0.8)
    recall: Annotated[float, Field(gt=0, lt=1)] | None = _told(None, "of every class, the lower bound", 0.7)
    hours_per_point: Annotated[float, Field(gt=0)] | None = _told(None, "the next point takes at most this", 2.0)
    agreement: Annotated[float, Field(gt=0, le=1)] | None = _told(None, "of two people about one item", 0.9)
    hours_to_model: Annotated[float, Field(gt=0)] | None = _told(None, "from init to the first model", 24.0)


class Config(_Section):
    """The whole of ``activessl.toml``."""

    format: Literal[2] = FORMAT
    seed: Annotated[int, Field(ge=0)] = _told(0, "all randomness comes from it")
    ledger: str = _told("ledger.db", "or a URL such as postgresql+psycopg://host/name, for a team")
    data: DataConfig
    annotator: AnnotatorConfig = AnnotatorConfig()
    encoder: EncoderConfig = EncoderConfig()
    finetune: FinetuneConfig = FinetuneConfig()
    query: QueryConfig = QueryConfig()
    head: HeadConfig = HeadConfig()
    stop: StopConfig = StopConfig()
    rates: RatesConfig = RatesConfig()
    stages: tuple[StageConfig, ...] = ()

    @model_validator(mode="after")
    def _of_one_class_each(self) -> Config:
        self.data.kind.check(self.data.classes)
        if self.data.kind.independent and self.query.confirm:
            raise ValueError("query.confirm asks whether alike items are all of one class: not with data.multi_label")
        if self.data.kind.independent and self.finetune.when != "never":
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
                raise ValueError(f"stage {stage.name!r} asks for nothing: give it accuracy, recall, …")
        return stages


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
