"""What can happen in a project: one small immutable event each.

Every event has a ``key`` that names the happening itself, not the moment it was written: appending an event with a
known key changes nothing, so every verb can be repeated after a crash.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
)

from activessl.labels.answers import Answer
from activessl.labels.questions import Question

#: The version of the events' form. What earlier ones wrote is read through ``activessl.ledger.upgrade``.
FORMAT: Literal[2] = 2

#: Who chose a round that looks at items accepted by machine.
AUDIT = "audit of accepted items"

#: Who chose a round of clusters, to be confirmed at a glance.
CONFIRM = "confirmation of alike items"


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    format: Literal[2] = FORMAT

    @property
    def key(self) -> str:
        """Names the happening."""
        raise AttributeError("an event has a key")


class Created(_Event):
    """The project was made."""

    kind: Literal["created"] = "created"
    classes: tuple[str, ...]
    modality: str
    seed: int
    version: str

    @property
    def key(self) -> str:
        """There is one."""
        return "created"


class Encoded(_Event):
    """The pool was turned into vectors, and these vectors are used from now on."""

    kind: Literal["encoded"] = "encoded"
    fingerprint: str
    encoder: str
    items: int
    dim: int
    seconds: float
    added: tuple[str, ...] | None = None  # ids that the encoding before it did not have; None: not known
    listed: str = ""  # names the ids it has, in their order
    turn: int = 0  # events before it: going back to earlier vectors is another happening

    @property
    def key(self) -> str:
        """One for each change of encoder or size of the pool."""
        return f"encoded:{self.fingerprint}:{self.items}:{self.turn}"


class Tuned(_Event):
    """The encoder was fine-tuned on the labels there were, and it was decided which one is used from now on."""

    kind: Literal["tuned"] = "tuned"
    outcome: Literal["replaced", "kept", "taken back"]  # the fine-tuned one is used; nothing changed; the frozen one is
    base: str  # fingerprint of the frozen encoder
    fingerprint: str | None  # of the fine-tuned one; None: it would not have been better
    request: str  # the config's encoder settings: with others the frozen encoder is another one
    why: str
    labels: int  # held back in their turn
    before: float  # accuracy of the head on frozen vectors
    after: float  # and on fine-tuned ones
    low: float  # of the interval of the difference
    high: float
    level: float
    taught: tuple[str, ...]  # ids that the network learned from: nothing may be measured by them
    digest: str  # of all labels
    steps: int
    at_once: int  # items that memory held at a time
    seconds: float
    there: int | None = None  # labels that the project had; None: not written down then
    turn: int

    @property
    def key(self) -> str:
        """One for each moment."""
        return f"tuned:{self.turn}"


class Untuned(_Event):
    """The frozen encoder is used again."""

    kind: Literal["untuned"] = "untuned"
    why: str
    turn: int

    @property
    def key(self) -> str:
        """One for each moment."""
        return f"untuned:{self.turn}"


class Missing(_Event):
    """Of the encoded items, just these are not in the data now; nobody is asked about them until they are back."""

    kind: Literal["missing"] = "missing"
    items: tuple[str, ...]
    turn: int  # events before it: going missing again is another happening

    @property
    def key(self) -> str:
        """One for each change of what is missing."""
        return f"missing:{self.turn}"


class Queried(_Event):
    """A round was opened: these questions are asked, in this order."""

    kind: Literal["queried"] = "queried"
    round: int
    strategy: str
    seed: tuple[int, ...]
    fingerprint: str
    questions: tuple[Question, ...]
    seconds: float

    @property
    def key(self) -> str:
        """A round is opened once."""
        return f"queried:{self.round}"


class Pushed(_Event):
    """The items of a round lie before the annotators."""

    kind: Literal["pushed"] = "pushed"
    round: int
    model: str
    new: int
    suggestions: int
    where: str
    project: str
    made: str = ""  # when the project was made: another one may have its number on another server
    unseen: dict[str, str] = Field(default_factory=dict)  # blind questions, and what they would have shown

    @property
    def key(self) -> str:
        """Pushing again under the same model is the same happening."""
        return f"pushed:{self.round}:{self.model}:{self.project}" + (f":{self.made}" if self.made else "")


class Answered(_Event):
    """An annotator said something."""

    kind: Literal["answered"] = "answered"
    answer: Answer

    @property
    def key(self) -> str:
        """The annotator's own name for it."""
        return f"answer:{self.answer.key}"


class Pulled(_Event):
    """All answers up to a watermark are in the ledger."""

    kind: Literal["pulled"] = "pulled"
    watermark: str

    @property
    def key(self) -> str:
        """One for each watermark."""
        return f"pulled:{self.watermark}"


class Taught(_Event):
    """The head learned from the labels there were."""

    kind: Literal["taught"] = "taught"
    round: int
    head: str
    fingerprint: str
    labels: int
    digest: str  # of the labels: the same labels teach nothing new
    seconds: float
    accuracy: float | None = None  # on the project's own test data, where it has some
    test_items: int | None = None
    # of these for each class: that have it, that are said to have it, both
    per_class: dict[str, tuple[int, int, int]] | None = None
    kappa: float | None = None  # agreement of the predictions with those of the last round's head
    change: float | None = None  # share of the pool whose predicted class changed since that round
    suspects: int | None = None  # labels that look wrong
    turn: int = 0  # events before it: going back to earlier labels is another happening

    @property
    def key(self) -> str:
        """One for each change of labels, encoder or head."""
        return f"taught:{self.round}:{self.fingerprint}:{self.head}:{self.digest}:{self.turn}"


class Offered(_Event):
    """The annotators' side offers just these classes, which is new there, or another choice than before."""

    kind: Literal["offered"] = "offered"
    project: str  # the annotators' name of it: another one says nothing of what this one had before
    classes: tuple[str, ...]
    own: tuple[str, ...] = ()  # those of activessl.toml then: what a push adds of them is not people's
    turn: int  # events before it: going back to earlier classes is another happening

    @property
    def key(self) -> str:
        """One for each change."""
        return f"offered:{self.turn}"


class Closed(_Event):
    """A round is over; what nobody answered may be asked again."""

    kind: Literal["closed"] = "closed"
    round: int
    why: str

    @property
    def key(self) -> str:
        """A round is closed once."""
        return f"closed:{self.round}"


class MachineLabel(BaseModel):
    """A prediction that stands as a label although nobody has seen it."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    id: str
    classes: tuple[str, ...]
    probability: float


class Accepted(_Event):
    """Predictions were accepted as labels, under a promise about how many of them are wrong."""

    kind: Literal["accepted"] = "accepted"
    error: float
    delta: float
    per_class: bool
    items: tuple[MachineLabel, ...]
    audit: tuple[str, ...]  # ids of items drawn from them for people to look at: their answers outrank the machine's
    calibration: int  # random labels above the thresholds
    wrong: int  # how many of these the head got wrong
    fingerprint: str
    digest: str  # of the labels that the head and the promise rest on
    look: str = ""  # which attempt it was
    turn: int

    @property
    def key(self) -> str:
        """One for each moment."""
        return f"accepted:{self.turn}"


class Tried(_Event):
    """Somebody looked whether predictions can be accepted: each look at new labels spends some of what may go wrong."""

    kind: Literal["tried"] = "tried"
    look: str  # names what was promised, by which head and labels: looking at the same again costs nothing

    @property
    def key(self) -> str:
        """One for each look."""
        return f"tried:{self.look}"


class Withdrawn(_Event):
    """All accepted predictions are none any more."""

    kind: Literal["withdrawn"] = "withdrawn"
    why: str
    turn: int

    @property
    def key(self) -> str:
        """One for each moment."""
        return f"withdrawn:{self.turn}"


#: What a check of the classes is called.
RECALL = "recall of each class"


class Check(BaseModel):
    """One figure of a gate: what was measured, what was asked for, and whether that is met."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str
    value: float | None  # None: not known
    low: float | None = None  # of its interval, where it has one
    high: float | None = None
    bound: float
    passed: bool | None  # None: not known
    sample: str


class Decided(_Event):
    """A stage's gate was judged: what was known, under which model, by whose labels."""

    kind: Literal["decided"] = "decided"
    stage: str
    decision: Literal["go", "no-go", "open"]
    checks: tuple[Check, ...]
    model: str
    fingerprint: str
    digest: str
    labels: int
    annotators: dict[str, int]  # answers by each
    note: str = ""
    turn: int

    @property
    def key(self) -> str:
        """One for each moment."""
        return f"decided:{self.stage}:{self.turn}"


Event = (
    Created
    | Encoded
    | Tuned
    | Untuned
    | Missing
    | Queried
    | Pushed
    | Answered
    | Pulled
    | Offered
    | Taught
    | Closed
    | Accepted
    | Tried
    | Withdrawn
    | Decided
)
EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="kind")])


class Recorded(BaseModel):
    """An event as the ledger holds it."""

    model_config = ConfigDict(frozen=True)

    seq: int
    at: datetime
    event: Event
