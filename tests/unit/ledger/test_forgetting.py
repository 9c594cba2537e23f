"""Every field of every event says whether it holds a name; a new event must decide."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from activessl.labels.answers import Answer
from activessl.labels.questions import Question
from activessl.ledger.forgetting import PLACES, Names, mentions, names_in, rewritten
from activessl.ledger.schema import EVENT, Answered, Decided, Encoded, Event, Missing, Pushed, Queried

#: Fields of text that hold neither an item nor a person, nor a sentence that may name one.
NEITHER = {
    "accepted.digest", "accepted.fingerprint", "accepted.items[].classes[]", "accepted.look",
    "answered.answer.at", "answered.answer.classes[]", "answered.answer.kind", "answered.answer.suggested",
    "backed_up.where", "created.classes[]", "created.modality", "created.version",
    "decided.checks[].name", "decided.checks[].sample", "decided.decision", "decided.digest", "decided.fingerprint",
    "decided.model", "decided.stage",
    "encoded.encoder", "encoded.fingerprint", "encoded.listed", "encoded.others[].encoder",
    "encoded.others[].fingerprint",
    "forgotten.content", "forgotten.mark", "forgotten.name", "forgotten.salt", "forgotten.what",
    "machine_asked.answers[].model", "machine_asked.classes[]", "machine_asked.machine", "machine_asked.version",
    "machine_asked.what",
    "machine_withdrawn.machine",
    "offered.classes[]", "offered.own[]", "offered.project",
    "pulled.watermark", "pushed.made", "pushed.model", "pushed.project", "pushed.where",
    "queried.fingerprint", "queried.questions[].kind", "queried.questions[].proposed", "queried.strategy",
    "reclassed.after[]", "reclassed.before[]", "reclassed.into[][]", "reclassed.into[][][]", "reclassed.verb",
    "restored.after[]", "taught.digest", "taught.fingerprint", "taught.head", "tried.look",
    "tuned.base", "tuned.digest", "tuned.fingerprint", "tuned.outcome", "tuned.request",
    "compared.fingerprint", "promoted.digest", "promoted.fingerprint", "promoted.judged", "promoted.model",
    "promoted.outcome",
    "taught.machines[]",
    "training_opened.before[].classes[]", "training_opened.after[].classes[]", "trained.answers[].classes[]",
    "trained.part",
    # removed with the item
    "answered.answer.regions[]{}", "answered.answer.regions[].*",
    "predicted.items[].regions[]{}", "predicted.items[].regions[].*", "predicted.model",
    # keys
    "queried.questions[].parts{}", "taught.per_class{}", "pushed.unseen.*",
}  # fmt: skip


def texts(schema: Any, path: str, definitions: dict[str, Any]) -> Iterator[str]:
    """The paths of all texts that a JSON schema allows."""
    if schema is True:  # any value
        yield path
        return
    if "$ref" in schema:
        yield from texts(definitions[schema["$ref"].rpartition("/")[2]], path, definitions)
        return
    for one in schema.get("anyOf", ()):
        yield from texts(one, path, definitions)
    kind = schema.get("type")
    if kind == "string" and "const" not in schema:
        yield path
    elif kind == "array":
        for one in schema.get("prefixItems", [schema["items"]] if "items" in schema else []):
            yield from texts(one, f"{path}[]", definitions)
    elif kind == "object" and "properties" in schema:
        for name, one in schema["properties"].items():
            yield from texts(one, f"{path}.{name}", definitions)
    elif kind == "object":
        yield f"{path}{{}}"
        yield from texts(schema.get("additionalProperties") or {}, f"{path}.*", definitions)


def places() -> set[str]:
    whole = EVENT.json_schema()
    found: set[str] = set()
    for name, ref in whole["discriminator"]["mapping"].items():
        found |= set(texts(whole["$defs"][ref.rpartition("/")[2]], name, whole["$defs"]))
    return found


def test_every_text_of_an_event_is_known_to_hold_a_name_or_not() -> None:
    # pairs of an item and the hash of its content are one place
    known = set(PLACES) - {"encoded.gone[]"} | {"encoded.gone[][]"} | NEITHER
    found = places()
    assert found - known == set(), "say in PLACES what the field of the new event holds"
    assert known - found == set()


def answered(**changes: Any) -> Answered:
    told: dict[str, Any] = {
        "key": "k", "source": "s", "item": "a.png", "kind": "label", "classes": ("a.png",), "annotator": "mia",
        "seconds": 3.0, "at": datetime(2026, 1, 1, tzinfo=UTC),
    }  # fmt: skip
    return Answered(answer=Answer(**{**told, **changes}))


def encoded(**changes: Any) -> Encoded:
    return Encoded(fingerprint="f", encoder="e", items=2, dim=1, seconds=0, **changes)


def pushed(unseen: dict[str, str]) -> Pushed:
    return Pushed(round=1, model="m", new=1, suggestions=1, where="", project="1", unseen=unseen)


ITEM, PERSON = Names(items={"a.png": "F1"}), Names(people={"mia": "F2"})


@pytest.mark.parametrize(
    ("event", "names", "wanted"),
    [
        (answered(), ITEM, answered(item="F1")),  # a class of the same name stays
        (answered(), PERSON, answered(annotator="F2")),
        (answered(classes=("mia",)), PERSON, answered(classes=("mia",), annotator="F2")),
        (answered(question="a.png#again-2", asking=2), ITEM, answered(item="F1", question="F1#again-2", asking=2)),
        (
            answered(key="import by mia of a.png: cat @ 7", source="import by mia of a.png"),
            ITEM,
            answered(item="F1", key="import by mia of F1: cat @ 7", source="import by mia of F1"),
        ),
        (
            answered(key="import by mia of a.png: cat @ 7", source="import by mia of a.png (anew)"),
            PERSON,
            answered(annotator="F2", key="import by F2 of a.png: cat @ 7", source="import by F2 of a.png (anew)"),
        ),
        (
            answered(source="annotation 4 of a.png", key="annotation 4 of a.png @ 2026"),
            ITEM,
            answered(item="F1", source="annotation 4 of F1", key="annotation 4 of F1 @ 2026"),
        ),
        (answered(source="ann:a.png", key="ann:a.png"), ITEM, answered(item="F1", source="ann:F1", key="ann:F1")),
        (
            encoded(added=("a.png", "b"), gone=(("a.png", "99"),)),
            ITEM,
            encoded(added=("F1", "b"), gone=(("F1", ""),)),
        ),
        (
            pushed({"a.png": "cat", "b": "a.png"}),
            ITEM,
            pushed({"F1": "cat", "b": "a.png"}),
        ),
        (Missing(items=("aa.png", "a.pngx", "x/a.png"), turn=1), ITEM, None),  # other items
    ],
)  # fmt: skip
def test_names_are_replaced_where_they_stand_for_what_is_forgotten(
    event: Event, names: Names, wanted: Event | None
) -> None:
    assert rewritten(event, names) == (event if wanted is None else wanted)


def test_what_was_computed_from_a_forgotten_item_goes_and_sentences_about_others_stay() -> None:
    def question(item: str, reason: str, near: tuple[str, ...]) -> Question:
        return Question(kind="new", items=(item,), score=0.7, reason=reason, parts={"gain": 1.5}, near=near)

    asked = (
        question("a.png", "represents 3 similar unlabeled items", ("b.png",)),
        question("b.png", "the model predicts cat (61 %); nearest labeled item: a.png (cat)", ("a.png", "c.png")),
        question("c.png", "nearest labeled item: aa.png (cat)", ()),
    )
    event = Queried(round=1, strategy="auto", seed=(0, 1), fingerprint="f", questions=asked, seconds=1)
    new = rewritten(event, ITEM)
    assert isinstance(new, Queried)
    first, second, third = new.questions
    assert (first.items, first.id, first.score, first.reason, first.parts, first.near) == (("F1",), "F1", 0, "", {}, ())
    assert second.reason == "the model predicts cat (61 %); nearest labeled item: F1 (cat)"
    assert second.near == ("F1", "c.png") and second.score == 0.7
    assert third == asked[2]


def test_a_short_name_is_not_searched_in_sentences() -> None:
    event = Decided(
        stage="pilot", decision="go", checks=(), model="m", fingerprint="f", digest="d", labels=7,
        annotators={"7": 3, "mia.k@x.org": 1}, note="7 items were checked by mia.k@x.org.", turn=1,
    )  # fmt: skip
    assert rewritten(event, Names(items={"7": "F"})) == event
    new = rewritten(event, Names(people={"7": "F", "mia.k@x.org": "G"}))
    assert isinstance(new, Decided)
    assert (new.annotators, new.note) == ({"F": 3, "G": 1}, "7 items were checked by G.")


def test_names_of_an_event_are_found_and_a_quick_look_misses_none() -> None:
    event = answered(item='ä "b".png', annotator="mia")
    assert names_in(event) == ({'ä "b".png'}, {"mia"})
    body = EVENT.dump_json(event).decode()
    assert mentions(body, Names(items={'ä "b".png': "F"})) and not mentions(body, Names(people={"max": "F"}))


def test_what_was_drawn_on_a_forgotten_item_is_removed() -> None:
    answer = Answer(
        "k", "s", "a.png", "label", ("dent",), "a@b", 2.0, datetime(2026, 1, 2, tzinfo=UTC),
        regions=({"kind": "span", "start": 0, "end": 3, "classes": ["dent"], "rest": {"text": ["Anna Schmidt"]}},),
    )  # fmt: skip
    kept = rewritten(Answered(answer=answer), Names(items={"b.png": "forgotten-1"}))
    assert kept == Answered(answer=answer)
    gone = rewritten(Answered(answer=answer), Names(items={"a.png": "forgotten-1"}))
    assert isinstance(gone, Answered) and gone.answer.regions == () and gone.answer.classes == ("dent",)
