"""The events of a project, each a small immutable object.

The ``key`` of an event identifies what happened, not the time of writing: appending an event with a known key changes
nothing, so every command can be repeated after a crash.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    field_validator,
)

from activessl.labels.answers import Answer
from activessl.labels.changes import Change, Verb
from activessl.labels.questions import Question

#: The format of events. Earlier formats are read through ``activessl.ledger.upgrade``.
FORMAT: Literal[2] = 2

#: The strategy of a round that audits accepted items.
AUDIT = "audit of accepted items"

#: The strategy of a round that asks about clusters.
CONFIRM = "confirmation of alike items"


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    format: Literal[2] = FORMAT

    @property
    def key(self) -> str:
        """The key of the event."""
        raise AttributeError("an event has a key")


class Created(_Event):
    """The project was created."""

    kind: Literal["created"] = "created"
    classes: tuple[str, ...]
    modality: str
    seed: int
    version: str

    @property
    def key(self) -> str:
        """One per project."""
        return "created"


class OtherVectors(BaseModel):
    """Vectors of another encoder for the same items, which the labels may choose."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    fingerprint: str
    encoder: str
    dim: int


class Encoded(_Event):
    """The pool was encoded; these embeddings are used from now on."""

    kind: Literal["encoded"] = "encoded"
    fingerprint: str
    encoder: str
    items: int
    dim: int
    seconds: float
    added: tuple[str, ...] | None = None  # ids that the encoding before did not have; None: not known
    listed: str = ""  # hash of the ids, in their order
    turn: int = 0  # number of events before, so that a return to earlier vectors is another event
    gone: tuple[tuple[str, str], ...] = ()  # items with answers that left, and the hash of their content
    others: tuple[OtherVectors, ...] = ()  # kept beside them
    log_odds: float | None = None  # of these vectors against those before, if the labels chose them

    @property
    def key(self) -> str:
        """One per change of the encoder or the number of items."""
        return f"encoded:{self.fingerprint}:{self.items}:{self.turn}"


class Tuned(_Event):
    """The encoder was fine-tuned on the labels; ``outcome`` says which encoder is used from now on."""

    kind: Literal["tuned"] = "tuned"
    outcome: Literal["replaced", "kept", "taken back"]  # now used: the fine-tuned; as before; the frozen
    base: str  # fingerprint of the frozen encoder
    fingerprint: str | None  # of the fine-tuned encoder; None: it was not better
    request: str  # the config's encoder settings: other settings make another frozen encoder
    why: str
    labels: int  # each was held out once, by cross-validation
    before: float  # accuracy of the head on frozen vectors
    after: float  # accuracy of the head on fine-tuned vectors
    low: float  # lower end of the interval of the difference
    high: float  # upper end
    level: float
    taught: tuple[str, ...]  # ids that the network was taught: they must not measure it
    digest: str  # hash of all labels
    steps: int
    at_once: int  # items per pass through the network
    seconds: float
    there: int | None = None  # labels of the project; None: not recorded
    turn: int

    @property
    def key(self) -> str:
        """One per turn."""
        return f"tuned:{self.turn}"


class Untuned(_Event):
    """The frozen encoder is used again."""

    kind: Literal["untuned"] = "untuned"
    why: str
    turn: int

    @property
    def key(self) -> str:
        """One per turn."""
        return f"untuned:{self.turn}"


class Missing(_Event):
    """Exactly these encoded items are missing from the data now; questions about them wait until they are back."""

    kind: Literal["missing"] = "missing"
    items: tuple[str, ...]
    turn: int  # number of events before, so that missing again is another event

    @property
    def key(self) -> str:
        """One per change of the missing items."""
        return f"missing:{self.turn}"


class Moved(_Event):
    """Items have another id now, because their files were moved or renamed; their content is the same."""

    kind: Literal["moved"] = "moved"
    items: tuple[tuple[str, str], ...]  # old and new id
    turn: int  # number of events before, so that moving back is another event

    @property
    def key(self) -> str:
        """One per turn."""
        return f"moved:{self.turn}"


class Queried(_Event):
    """A round was opened with these questions, in this order."""

    kind: Literal["queried"] = "queried"
    round: int
    strategy: str
    seed: tuple[int, ...]
    fingerprint: str
    questions: tuple[Question, ...]
    seconds: float

    @property
    def key(self) -> str:
        """One per round."""
        return f"queried:{self.round}"


class Foreseen(BaseModel):
    """The model's regions of one item."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    item: str
    regions: tuple[dict[str, Any], ...]  # as ``activessl.labels.regions.stored`` writes them


class Predicted(_Event):
    """What the model found in the random items of a round, before anybody had answered: it measures the model."""

    kind: Literal["predicted"] = "predicted"
    round: int
    model: str  # the newest model then
    items: tuple[Foreseen, ...]

    @property
    def key(self) -> str:
        """One per round."""
        return f"predicted:{self.round}"


class Pushed(_Event):
    """The questions of a round were pushed to the labeling tool."""

    kind: Literal["pushed"] = "pushed"
    round: int
    model: str
    new: int
    suggestions: int
    where: str
    project: str
    made: str = ""  # when the project there was created: another server may use the same number
    unseen: dict[str, str] = Field(default_factory=dict)  # blind questions, and their hidden suggestions

    @property
    def key(self) -> str:
        """One per round, model and project: repeating a push adds no event."""
        return f"pushed:{self.round}:{self.model}:{self.project}" + (f":{self.made}" if self.made else "")


class Answered(_Event):
    """An annotator gave an answer."""

    kind: Literal["answered"] = "answered"
    answer: Answer

    @field_validator("answer")
    @classmethod
    def _imported(cls, answer: Answer) -> Answer:
        """Until answers said whether they were imported, an import was stored as ground truth."""
        if answer.ground_truth and not answer.imported and answer.source.startswith("import by "):
            return replace(answer, ground_truth=False, imported=True)
        return answer

    @property
    def key(self) -> str:
        """One per key of the answer."""
        return f"answer:{self.answer.key}"


class Pulled(_Event):
    """All answers up to a watermark were pulled into the ledger."""

    kind: Literal["pulled"] = "pulled"
    watermark: str

    @property
    def key(self) -> str:
        """One per watermark."""
        return f"pulled:{self.watermark}"


class Taught(_Event):
    """The head was taught all labels."""

    kind: Literal["taught"] = "taught"
    round: int  # 0 before the first round: imported labels
    head: str
    fingerprint: str
    labels: int
    digest: str  # hash of the labels
    seconds: float
    accuracy: float | None = None  # on the project's own test data, where it has some
    test_items: int | None = None
    # for each class, of the test items: number of that class, predicted as that class, both
    per_class: dict[str, tuple[int, int, int]] | None = None
    kappa: float | None = None  # Cohen's kappa between these predictions and those of the last round's head
    change: float | None = None  # share of the pool whose predicted class changed since that round
    suspects: int | None = None  # number of suspect labels
    turn: int = 0  # number of events before, so that a return to earlier labels is another event
    test_open: int = 0  # test items left out: of a class that was split, so that their class is open
    smoothed: bool = True  # whether its vectors are smoothed over the pool, as the labels ask for
    machines: tuple[str, ...] = ()  # that it heeds, because the labels speak for them

    @property
    def key(self) -> str:
        """One per change of labels, encoder or head."""
        return f"taught:{self.round}:{self.fingerprint}:{self.head}:{self.digest}:{self.turn}"

    @property
    def when(self) -> str:
        """The round, in words."""
        return f"in round {self.round}" if self.round else "before the first round"


class Offered(_Event):
    """The labeling tool offers exactly these classes: its first offer, or a change."""

    kind: Literal["offered"] = "offered"
    project: str  # its name in the labeling tool; each project there has its own offers
    classes: tuple[str, ...]
    own: tuple[str, ...] = ()  # the classes of activessl.toml at that time: a push adds them, not people
    turn: int  # number of events before, so that a return to earlier classes is another event

    @property
    def key(self) -> str:
        """One per change."""
        return f"offered:{self.turn}"


class Reclassed(_Event):
    """Classes were renamed, merged, split or added. Answers keep the names of their time, and are read by this."""

    kind: Literal["reclassed"] = "reclassed"
    verb: Verb
    into: tuple[tuple[str, tuple[str, ...]], ...]  # each replaced name, and those that replace it
    before: tuple[str, ...]  # the classes of the project until then
    after: tuple[str, ...]
    turn: int  # number of events before, so that the same change again is another event

    @property
    def key(self) -> str:
        """One per turn."""
        return f"reclassed:{self.turn}"

    @property
    def change(self) -> Change:
        """The change."""
        added = tuple(name for name in self.after if name not in self.before) if self.verb == "add" else ()
        return Change(self.verb, dict(self.into), self.turn, self.before, added)


class Restored(_Event):
    """A change of the classes was taken back."""

    kind: Literal["restored"] = "restored"
    of: int  # turn of the change
    after: tuple[str, ...]  # the classes of the project from then on
    turn: int

    @property
    def key(self) -> str:
        """One per change."""
        return f"restored:{self.of}"


class Closed(_Event):
    """A round was closed; its unanswered items may be asked about again."""

    kind: Literal["closed"] = "closed"
    round: int
    why: str

    @property
    def key(self) -> str:
        """One per round."""
        return f"closed:{self.round}"


class MachineLabel(BaseModel):
    """A prediction that is accepted as a label."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    id: str
    classes: tuple[str, ...]
    probability: float


class Accepted(_Event):
    """Predictions were accepted as labels, with a bound on the share of wrong ones."""

    kind: Literal["accepted"] = "accepted"
    error: float
    delta: float
    per_class: bool
    items: tuple[MachineLabel, ...]
    audit: tuple[str, ...]  # ids of accepted items drawn for the audit: people's answers replace the predictions
    calibration: int  # random labels above the thresholds
    wrong: int  # how many of these the head got wrong
    fingerprint: str
    digest: str  # hash of the labels behind the head and the bound
    look: str = ""  # key of the attempt
    turn: int

    @property
    def key(self) -> str:
        """One per turn."""
        return f"accepted:{self.turn}"


class Tried(_Event):
    """Somebody tried to accept predictions: each attempt with new labels uses a part of the error probability."""

    kind: Literal["tried"] = "tried"
    look: str  # hash of bound, head and labels: repeating an attempt uses nothing

    @property
    def key(self) -> str:
        """One per attempt."""
        return f"tried:{self.look}"


class Withdrawn(_Event):
    """The acceptance of all predictions was withdrawn."""

    kind: Literal["withdrawn"] = "withdrawn"
    why: str
    turn: int

    @property
    def key(self) -> str:
        """One per turn."""
        return f"withdrawn:{self.turn}"


class Said(BaseModel):
    """What a machine said of one item."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    item: str
    scores: tuple[float, ...] | None  # share of each class, summing to 1; None: no answer
    why: str = ""  # why there is none
    again: bool = False  # why says nothing of the item: the next asking asks about it again
    tokens: int = 0
    seconds: float = 0.0
    price: float = 0.0  # in the currency of the project's rates
    model: str = ""  # the name that the model gave itself; empty where none is told


class MachineAsked(_Event):
    """A machine was asked about items. Its answers are no labels."""

    kind: Literal["machine_asked"] = "machine_asked"
    machine: str  # its name in activessl.toml
    what: str  # its kind, such as "table"
    version: str  # hash of all that its answers depend on
    classes: tuple[str, ...]  # of the scores
    answers: tuple[Said, ...]
    turn: int

    @property
    def key(self) -> str:
        """One per machine and turn."""
        return f"machine_asked:{self.machine}:{self.turn}"


class MachineWithdrawn(_Event):
    """All answers of a machine were withdrawn."""

    kind: Literal["machine_withdrawn"] = "machine_withdrawn"
    machine: str
    why: str
    turn: int

    @property
    def key(self) -> str:
        """One per machine and turn."""
        return f"machine_withdrawn:{self.machine}:{self.turn}"


#: The name of the check of the classes.
RECALL = "recall of each class"


class Check(BaseModel):
    """One figure of a gate: the measured value, the required bound, and whether the value meets it."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str
    value: float | None  # None: not known
    low: float | None = None  # lower end of its interval, if it has one
    high: float | None = None
    bound: float
    passed: bool | None  # None: there is not enough evidence
    sample: str
    more: int | None = None  # further random labels that are enough if the value stays; None: not known


class Decided(_Event):
    """A gate of a stage was judged, with the figures, the model and the labels of that time."""

    kind: Literal["decided"] = "decided"
    stage: str
    decision: Literal["go", "no-go", "open"]
    checks: tuple[Check, ...]
    model: str
    fingerprint: str
    digest: str
    labels: int
    annotators: dict[str, int]  # answers of each annotator
    note: str = ""
    turn: int

    @property
    def key(self) -> str:
        """One per stage and turn."""
        return f"decided:{self.stage}:{self.turn}"


class Golden(BaseModel):
    """An item of a training round, and its known classes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    item: str
    classes: tuple[str, ...]


class TrainingOpened(_Event):
    """A training round for annotators was opened: first the items of one part, then those of the other."""

    kind: Literal["training_opened"] = "training_opened"
    training: int  # its number, from 1
    before: tuple[Golden, ...]
    after: tuple[Golden, ...]
    single: int  # items whose answer is known from one person only
    turn: int

    @property
    def key(self) -> str:
        """One per training round."""
        return f"training_opened:{self.training}"


class GoldenAnswer(BaseModel):
    """What a person said of an item of a training round."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    item: str
    classes: tuple[str, ...] | None  # None: skipped, or it cannot be read
    seconds: float | None = None


class Trained(_Event):
    """A person answered all items of a part of a training round. These answers are no labels."""

    kind: Literal["trained"] = "trained"
    training: int
    part: Literal["before", "after"]
    annotator: str
    answers: tuple[GoldenAnswer, ...]  # in the order of the part
    turn: int

    @property
    def key(self) -> str:
        """One per training round, part and person: the first complete answers count."""
        return f"trained:{self.training}:{self.part}:{self.annotator}"


class BackedUp(_Event):
    """Ledger and config were copied into a folder."""

    kind: Literal["backed_up"] = "backed_up"
    where: str  # the folder
    turn: int  # number of events in it

    @property
    def key(self) -> str:
        """One per folder and turn."""
        return f"backed_up:{self.turn}:{sha256(self.where.encode()).hexdigest()[:16]}"


class Paused(_Event):
    """Whether somebody has stopped the opening of rounds, on the live page of any worker of ``activessl serve``."""

    kind: Literal["paused"] = "paused"
    paused: bool
    turn: int  # number of the newest event, so that stopping again is another event

    @property
    def key(self) -> str:
        """One per turn, and of what: of two people who press different buttons at once, the later counts."""
        return f"paused:{self.turn}:{self.paused}"


class Forgotten(_Event):
    """An item or an annotator was forgotten: its name was replaced in all events before; only a mark knows it."""

    kind: Literal["forgotten"] = "forgotten"
    what: Literal["item", "annotator"]
    name: str  # stands for it in all events
    salt: str = Field(pattern="^[0-9a-f]{32}$")
    mark: str  # of its name
    content: str = ""  # mark of the content hash of the item; empty if it is not known
    turn: int

    @property
    def key(self) -> str:
        """One per item or annotator."""
        return f"forgotten:{self.name}"


class Compared(_Event):
    """Items that were added were compared with those that were there before."""

    kind: Literal["compared"] = "compared"
    fingerprint: str  # of the encoder whose vectors were compared
    added: tuple[str, ...]  # ids of the later items
    old: int  # earlier items that were compared: a random part of a large pool
    new: int
    statistic: float  # of the classifier, in standard deviations
    p_classifier: float
    p_kernel: float
    p_neighbours: float
    p: float  # of all three together
    level: float
    drift: bool
    regions: tuple[tuple[str, ...], ...] = ()  # ids of later items where few earlier ones are, the most typical first
    turn: int

    @property
    def key(self) -> str:
        """One per turn."""
        return f"compared:{self.turn}"


class Promoted(_Event):
    """A model was compared with the model in use; ``outcome`` says which is in use from now on.

    "first": the first one. "promoted": this one replaces the one before. "kept": the one before stays. "open": too few
    labels to decide, the one before stays. "rolled back": this one, which was in use before, is in use again.
    """

    kind: Literal["promoted"] = "promoted"
    outcome: Literal["first", "promoted", "kept", "open", "rolled back"]
    model: str  # digest of the model's folder
    round: int  # the round of its head
    labels: int  # that it was taught
    digest: str  # hash of these labels
    fingerprint: str
    why: str
    # against the model in use, on random labels that the model in use was not taught
    fresh: int = 0
    won: int = 0  # right where the model in use is wrong
    lost: int = 0
    low: float | None = None  # of the difference of the accuracies
    high: float | None = None
    level: float | None = None
    judged: str = ""  # hash of both models and of these labels: repeating a comparison is no further one
    turn: int

    @property
    def key(self) -> str:
        """One per comparison, or per turn."""
        return f"promoted:{self.judged or self.turn}"


Event = (
    Created
    | Encoded
    | Compared
    | Promoted
    | Tuned
    | Untuned
    | Missing
    | Moved
    | Queried
    | Predicted
    | Pushed
    | Answered
    | Pulled
    | Offered
    | Reclassed
    | Restored
    | Taught
    | Closed
    | Accepted
    | Tried
    | Withdrawn
    | MachineAsked
    | MachineWithdrawn
    | Decided
    | TrainingOpened
    | Trained
    | BackedUp
    | Paused
    | Forgotten
)
EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="kind")])


class Recorded(BaseModel):
    """An event as stored in the ledger."""

    model_config = ConfigDict(frozen=True)

    seq: int
    at: datetime
    event: Event
