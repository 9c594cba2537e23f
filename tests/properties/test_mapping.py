"""Our nouns to Label Studio's JSON and back: nothing is lost on the way, whatever the names."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activessl.annotators.base import Suggestion
from activessl.errors import ConfigError
from activessl.labels.one_class import ONE
from activessl.labels.questions import Question
from activessl.labels.several_classes import SEVERAL
from activessl.pool.forms.registry import form_named
from activessl.pool.pool import Modality
from activessl_label_studio.client import scrub, token_kind
from activessl_label_studio.labels import build_config, read_config
from activessl_label_studio.mapping import question_of, rank_score, to_answer, to_prediction, to_result, to_task

# printable names of any script, quotes, angle brackets and ampersands included
NAMES = st.text(
    st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp", "Cn", "Co")), min_size=1, max_size=12
).filter(lambda name: name == name.strip() and name.strip() != "")
CLASSES = st.lists(NAMES, min_size=1, max_size=6, unique=True)
MODALITIES = st.sampled_from(["image", "text", "series", "audio"])


@given(CLASSES, MODALITIES, st.booleans(), st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_a_config_that_we_build_reads_back_as_what_it_was_built_from(
    classes: list[str], modality: Modality, multi: bool, channels: int
) -> None:
    control = read_config(build_config(classes, modality, label_kind=SEVERAL if multi else ONE, channels=channels))
    shown = form_named(modality).shown
    assert (control.classes, control.shown, control.label_kind.independent) == (tuple(classes), shown, multi)
    assert control.key == modality


@given(CLASSES, st.booleans(), st.data())
@settings(max_examples=60, deadline=None)
def test_what_is_submitted_comes_back_as_the_same_classes(classes: list[str], multi: bool, data: Any) -> None:
    control = read_config(build_config(classes, "text", label_kind=SEVERAL if multi else ONE))
    most = len(classes) if multi else 1
    chosen = data.draw(st.lists(st.sampled_from(classes), min_size=1, max_size=most, unique=True))
    task = {"id": 3, **to_task(Question(kind="new", items=("a/ä.txt",)), "hello", control.key)}
    annotation = {
        "id": 7,
        "result": json.loads(json.dumps(to_result(chosen, control))),
        "updated_at": "2026-01-02T03:04:05.000006Z",
        "completed_by": 1,
        "lead_time": 4.5,
    }
    answer, note = to_answer(annotation, task, control, project="project 1", people={1: "me"})
    assert (answer.classes, answer.kind, note) == (tuple(chosen), "label", None)
    assert (answer.item, answer.annotator, answer.seconds) == ("a/ä.txt", "me", 4.5)


@given(CLASSES, st.floats(0, 1), st.booleans())
@settings(max_examples=60, deadline=None)
def test_every_prediction_of_ours_fits_its_config_and_a_blind_one_shows_nothing(
    classes: list[str], score: float, blind: bool
) -> None:
    control = read_config(build_config(classes, "image"))
    suggestion = Suggestion("x", tuple(classes), tuple([1.0 / len(classes)] * len(classes)), blind=blind)
    prediction = to_prediction(suggestion, score, "round-1", control)
    assert control.interface.validate_prediction(prediction, return_errors=True) == []
    assert prediction["result"][:1] == ([] if blind else to_result(classes[:1], control))
    hints = [part["value"]["text"] for part in prediction["result"][1:]]
    assert len(hints) == (len(classes) > 1 and not blind)
    assert all(name in text for [text] in hints for name in classes[:3])


@given(st.integers(1, 20_000))
def test_scores_rise_strictly_with_the_rank_and_stay_between_zero_and_one(count: int) -> None:
    ranks = [0, count // 2, count - 1]
    scores = [rank_score(rank, count) for rank in ranks]
    assert scores[0] > 0 and scores[-1] < 1
    assert all(a < b or r == s for a, b, r, s in zip(scores, scores[1:], ranks, ranks[1:], strict=False))


@given(st.text(max_size=30))
def test_the_id_of_a_task_is_the_one_it_was_made_with(item: str) -> None:
    control = read_config(build_config(["a"], "text"))
    for question in (Question(kind="new", items=(item,)), Question(kind="again", items=(item,), asking=2)):
        assert question_of(json.loads(json.dumps(to_task(question, "x", control.key)))) == (question.id or None)


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ("<View><Image name='i' value='$i'/></View>", "no control"),
        (
            "<View><Image name='i' value='$i'/><RectangleLabels name='r' toName='i'>"
            "<Label value='a'/></RectangleLabels></View>",
            "RectangleLabels",
        ),
        (
            "<View><Text name='t' value='$t'/><Choices name='c' toName='t' perRegion='true'>"
            "<Choice value='a'/></Choices></View>",
            "perRegion",
        ),
        (
            "<View><Text name='t' value='$t'/><Choices name='c' toName='t' visibleWhen='choice-selected'>"
            "<Choice value='a'/></Choices></View>",
            "visibleWhen",
        ),
        ("<View><Text name='t' value='$t'/><Choices name='c' toName='t' value='$opts'/></View>", "from the tasks"),
        (
            "<View><Text name='t' value='$t'/><Choices name='a' toName='t'><Choice value='x'/></Choices>"
            "<Choices name='b' toName='t'><Choice value='y'/></Choices></View>",
            "2 Choices",
        ),
        (
            "<View><Video name='v' value='$v'/><Choices name='c' toName='v'><Choice value='a'/></Choices></View>",
            "Video",
        ),
        ("not xml", "cannot be read"),
    ],
)
def test_a_config_that_cannot_be_served_is_refused_by_name(config: str, named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        read_config(config)


def test_an_alias_is_the_class_because_results_say_the_alias() -> None:
    config = (
        "<View><Text name='t' value='$t'/><Choices name='c' toName='t'>"
        "<Choice value='Kratzer' alias='scratch'/><Choice value='ok'/></Choices></View>"
    )
    assert read_config(config).classes == ("scratch", "ok")


@pytest.mark.parametrize("classes", [[], [""], [" a"], ["a", "a"], ["a\x00b"]])
def test_names_that_no_config_can_hold_are_refused(classes: list[str]) -> None:
    with pytest.raises(ConfigError):
        build_config(classes, "image")


def test_vectors_cannot_be_shown() -> None:
    with pytest.raises(ConfigError, match="vector"):
        build_config(["a"], "vector")


@given(st.text(alphabet="0123456789abcdef", min_size=40, max_size=40))
def test_no_legacy_token_survives_scrubbing(token: str) -> None:
    assert token not in scrub(f"header Authorization: Token {token}; and {token}")
    assert token_kind(token) == "legacy"
