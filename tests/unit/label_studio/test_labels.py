"""Label configs: what we build for people, and what of theirs can be served."""

from __future__ import annotations

import pytest

from activessl.annotators.base import Suggestion
from activessl.errors import ConfigError
from activessl.labels.several_classes import SEVERAL
from activessl_label_studio.hints import hint_text, to_hint
from activessl_label_studio.labels import HINT, HOTKEYS, build_config, read_config
from activessl_label_studio.mapping import to_prediction, to_result

IMAGE = '<Image name="item" value="$image"/>'


def choices(inside: str = '<Choice value="a"/><Choice value="b"/>', **attributes: str) -> str:
    said = "".join(f' {key}="{value}"' for key, value in attributes.items())
    return f'<Choices name="label" toName="item"{said}>{inside}</Choices>'


def test_many_classes_stand_beside_the_picture_and_few_below_it() -> None:
    few, many = build_config(["a", "b"], "image"), build_config([f"class {i}" for i in range(13)], "image")
    assert "flex" not in few and 'showInline="true"' in few
    assert "flex" in many and "showInline" not in many
    assert len(read_config(many).classes) == 13


def test_more_classes_than_keys_have_keys_as_far_as_these_reach() -> None:
    config = build_config([f"class {i}" for i in range(len(HOTKEYS) + 5)], "text")
    assert config.count("hotkey=") == len(HOTKEYS)
    assert len(set(HOTKEYS)) == len(HOTKEYS)


@pytest.mark.parametrize(("side", "shown"), [(28, "280px"), (64, "512px"), (128, "512px"), (129, None), (None, None)])
def test_small_pictures_are_enlarged_as_far_as_something_can_be_made_out(side: int | None, shown: str | None) -> None:
    config = build_config(["a", "b"], "image", side=side)
    assert (f'maxWidth="{shown}"' in config) if shown else "maxWidth" not in config
    assert read_config(config).classes == ("a", "b")


def test_a_series_has_a_channel_for_each_row() -> None:
    config = build_config(["a", "b"], "series", channels=3)
    assert [f'column="channel_{i}"' in config for i in range(4)] == [True, True, True, False]
    assert read_config(config).shown == "series"


def test_a_question_stands_above_the_choices() -> None:
    config = build_config(["a", "b"], "audio", question='Is it "clean"?')
    assert config.index("Header") < config.index("<Choices")
    assert read_config(config).shown == "sound"


def test_there_is_a_place_for_the_models_alternatives_where_one_class_is_asked_for() -> None:
    few, many = build_config(["a", "b"], "image"), build_config([f"class {i}" for i in range(13)], "image")
    assert read_config(few).hint == read_config(many).hint == (HINT, "item")
    # with a hint in it an answer without a class is not empty: Label Studio has to ask for one
    assert 'required="true"' in few
    for without in (
        build_config(["a", "b"], "image", hint=False),
        build_config(["a", "b"], "image", label_kind=SEVERAL),
    ):
        assert read_config(without).hint is None
        assert "activessl" not in without and "required" not in without


@pytest.mark.parametrize(
    ("more", "found"),
    [
        (f'<TextArea name="{HINT}" toName="other"/><Text name="other" value="$b"/>', (HINT, "other")),
        ('<TextArea name="remark" toName="item"/>', None),
        (f'<TextArea name="{HINT}" toName="item" perRegion="true"/>', None),
        (f'<Rating name="{HINT}" toName="item"/>', None),
    ],
)
def test_a_config_of_ones_own_has_that_place_if_its_tag_has_the_name(more: str, found: tuple[str, str] | None) -> None:
    control = read_config(f"<View>{IMAGE}{choices()}{more}</View>")
    assert control.hint == found
    suggestion = Suggestion("x", ("a", "b"), (0.6, 0.4))
    prediction = to_prediction(suggestion, 0.5, "round-1", control)
    assert prediction["result"][0] == to_result(["a"], control)[0]
    assert control.interface.validate_prediction(prediction, return_errors=True) == []
    said = [(part["from_name"], part["to_name"], part["value"]["text"]) for part in prediction["result"][1:]]
    assert said == ([] if found is None else [(*found, ["model: a 60 %, or b 40 %"])])


@pytest.mark.parametrize(
    ("probs", "text"),
    [
        ((0.61, 0.27, 0.08, 0.04), "model: a 61 %, or b 27 %, or c 8 %"),
        ((0.4, 0.25, 0.2, 0.15), "model: a 40 %, or b 25 %, or c 20 %"),
        ((0.86, 0.06, 0.04, 0.04), "model: a 86 %, or b 6 %"),
        ((0.89, 0.04, 0.04, 0.03), ""),
        ((0.9, 0.1, 0.0, 0.0), ""),
    ],
)
def test_the_alternatives_are_named_where_they_help(probs: tuple[float, ...], text: str) -> None:
    assert hint_text("abcd", probs) == text


def test_a_class_that_was_taken_out_of_the_config_is_no_alternative() -> None:
    control = read_config(build_config(["a", "b"], "image"))
    suggestion = Suggestion("x", ("gone", "b", "a"), (0.5, 0.3, 0.2))
    (part,) = to_hint(suggestion, control)
    assert part["value"]["text"] == ["model: b 30 %, or a 20 %"]


@pytest.mark.parametrize("names", [[], [""], [" a"], ["a", "a"], ["a\x00"], ["\ud800"]])
def test_names_that_cannot_be_shown_are_refused(names: list[str]) -> None:
    with pytest.raises(ConfigError):
        build_config(names, "image")


def test_results_say_the_alias_where_a_choice_has_one() -> None:
    inside = "<Choice value='Cat' alias='cat'/><Choice value='Dog'/>"
    config = f"<View>{IMAGE}{choices(inside)}</View>"
    assert read_config(config).classes == ("cat", "Dog")


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ("<View>", "cannot be read"),
        (f"<View>{IMAGE}</View>", "no Choices or Taxonomy"),
        (f'<View>{IMAGE}<RectangleLabels name="b" toName="item"><Label value="x"/></RectangleLabels></View>', "Rect"),
        (f"<View>{IMAGE}{choices(perRegion='true')}</View>", "perRegion"),
        (f"<View>{IMAGE}{choices(visibleWhen='region-selected')}</View>", "visibleWhen"),
        (f"<View>{IMAGE}{choices('', value='$options')}</View>", "takes its classes from the tasks"),
        (
            f'<View>{IMAGE}<Taxonomy name="k" toName="item"><Choice value="a / b"/></Taxonomy></View>',
            "a / b",
        ),
        ('<View><Video name="item" value="$video"/>' + choices() + "</View>", "Video"),
    ],
)
def test_what_cannot_be_served_is_refused_by_name(config: str, named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        read_config(config)


def test_of_several_choices_one_must_be_named() -> None:
    other = choices().replace("label", "other")
    config = f"<View>{IMAGE}{choices()}{other}</View>"
    with pytest.raises(ConfigError, match="2 Choices or Taxonomies"):
        read_config(config)
    assert read_config(config, control="other").name == "other"
    with pytest.raises(ConfigError, match="nothing"):
        read_config(config, control="nothing")


def test_of_a_taxonomy_the_classes_are_the_paths_to_its_leaves() -> None:
    inside = (
        "<Choice value='animal'><Choice value='cat'/><Choice value='other' alias='o'/></Choice>"
        "<Choice value='plant'><Choice value='other'/></Choice><Choice value='stone'/>"
    )
    for attribute, multi in (('maxUsages="1"', False), ("", True)):
        config = f'<View>{IMAGE}<Taxonomy name="kind" toName="item" {attribute}>{inside}</Taxonomy></View>'
        found = read_config(config)
        assert found.classes == ("animal / cat", "animal / o", "plant / other", "stone")
        assert (found.kind, found.label_kind.independent, found.key) == ("taxonomy", multi, "image")
