"""What an old name of a class means now, whatever was changed, taken back and done again."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activessl.labels.changes import Change, Naming, odd_name, undone_order


def rename(old: str, new: str, number: int = 1) -> Change:
    return Change("rename", {old: (new,)}, number)


def merge(names: str, into: str, number: int = 1) -> Change:
    return Change("merge", dict.fromkeys(names, (into,)), number)


def split(name: str, into: str, number: int = 1) -> Change:
    return Change("split", {name: tuple(into)}, number)


@pytest.mark.parametrize(
    ("steps", "name", "since", "means"),
    [
        ([rename("a", "x")], "a", 0, "x"),
        ([rename("a", "x")], "a", 1, "x"),  # an old name that comes later
        ([rename("a", "x")], "b", 0, "b"),
        ([rename("a", "x"), rename("x", "y", 2)], "a", None, "y"),
        ([rename("a", "x"), rename("x", "a", 2)], "x", None, "a"),
        ([merge("ab", "c")], "b", 0, "c"),
        ([merge("ab", "a")], "b", None, "a"),
        ([merge("ab", "a")], "a", 1, "a"),
        ([split("a", "xy")], "a", 0, "xy"),
        ([split("a", "xy")], "x", 1, "x"),
        ([split("a", "xy"), merge("xy", "a", 2)], "a", 0, "a"),  # split and merged again: nothing is open
        ([split("a", "xy"), merge("xy", "a", 2)], "y", 1, "a"),
        ([split("a", "xy"), rename("x", "z", 2)], "a", 0, "zy"),
        ([split("a", "xy"), split("x", "pq", 2)], "a", 0, "pqy"),
    ],
)
def test_a_name_means_what_the_changes_since_made_of_it(
    steps: list[Change], name: str, since: int | None, means: str
) -> None:
    assert Naming(tuple(steps)).read(name, since).names == tuple(means)


@pytest.mark.parametrize(
    ("step", "name", "since", "means"),
    [
        (rename("a", "x"), "a", 0, "a"),
        (rename("a", "x"), "x", 1, "a"),  # given in between: the same class
        (rename("a", "x"), "x", 2, "a"),  # still read from a task that was not changed
        (merge("ab", "c"), "a", 0, "a"),
        (merge("ab", "c"), "c", 1, "ab"),  # nobody said which
        (merge("ab", "c"), "c", 2, "ab"),
        (merge("ab", "a"), "a", 0, "a"),
        (merge("ab", "a"), "a", 1, "ab"),  # meant both while they were merged
        (merge("ab", "a"), "a", 2, "a"),
        (split("a", "xy"), "a", 0, "a"),
        (split("a", "xy"), "x", 1, "a"),
    ],
)
def test_what_is_taken_back_leaves_the_answers_of_before_as_they_were(
    step: Change, name: str, since: int, means: str
) -> None:
    assert Naming((step, step.taken_back())).read(name, since).names == tuple(means)


def test_where_the_clocks_differ_about_the_moment_and_it_matters_the_class_is_open() -> None:
    both = Naming((merge("ab", "a"), merge("ab", "a").taken_back()))
    assert both.read_either("a", 2, 0).names == ("a",)
    assert set(both.read_either("a", 2, 1).names) == {"a", "b"}
    assert both.read_either("a", 2, 1).by is not None
    assert both.read_either("b", 2, 0).names == ("b",)


def test_a_reading_says_why_it_is_open() -> None:
    assert Naming((split("a", "xy"),)).read("a").why == "class 'a' was split into 'x' and 'y': it may be 'x' or 'y'"
    undone = Naming((merge("ab", "c"), merge("ab", "c").taken_back()))
    assert undone.read("c", 1).why == "merging 'a' and 'b' into 'c' was taken back: it may be 'a' or 'b'"
    assert not Naming((rename("a", "x"),)).read("a").why


def test_only_a_rename_leaves_the_meaning_exactly_as_it_was() -> None:
    assert Naming((rename("a", "x"), rename("x", "y", 2))).read("a").same
    assert not Naming((merge("ab", "c"),)).read("a").same
    assert Naming((merge("ab", "c"),)).read("d").same


def test_a_name_never_comes_back_for_another_class() -> None:
    swapped = Naming((rename("a", "x"),))
    assert "'x' now" in (swapped.taken("a", ["b"]) or "")
    assert swapped.taken("a", ["x"]) is None  # it gets its name back
    assert swapped.taken("new", ["b"]) is None
    merged = Naming((merge("ab", "c"), merge("ab", "c").taken_back()))
    assert merged.taken("c", ["a", "b"]) is None
    assert merged.taken("c", ["a"]) is not None  # answers with it may be "b"


def test_old_names_in_the_file_are_read_as_the_classes_of_now() -> None:
    naming = Naming((merge("ab", "c"), split("d", "xy", 2)))
    assert naming.classes("abde") == ("c", "x", "y", "e")
    assert undone_order("bca", "abc") == tuple("abc")
    assert undone_order("bc", "abc") == tuple("bc")


def test_classes_that_were_added_and_taken_back_are_known_until_they_are_added_again() -> None:
    add = Change("add", {}, 1, ("a", "b"), ("n",))
    again = Change("add", {}, 2, ("a", "b"), ("n",))
    assert Naming((add, add.taken_back())).withdrawn == {"n"}
    assert Naming((add, add.taken_back(), again)).withdrawn == frozenset()
    assert add.taken_back().to_text() == "adding 'n' was taken back"


def test_names_that_a_label_config_cannot_hold_are_odd() -> None:
    for name in ("", "  ", " a", "a\x07", "a" * 201):
        assert odd_name(name)
    assert odd_name("größe <b> & 'x'") is None


@st.composite
def histories(draw: st.DrawFn) -> Naming:
    """Changes as the verb allows them: no name comes back for another class."""
    classes, steps, fresh = ["a", "b", "c", "d"], [], iter(range(100))
    naming = Naming()
    for number in range(draw(st.integers(0, 7))):
        what = draw(st.sampled_from(["rename", "merge", "split", "undo"]))
        if what == "undo":
            if not naming.standing:
                continue
            step = naming.standing[-1].taken_back()
        elif what == "rename":
            step = rename(draw(st.sampled_from(classes)), f"n{next(fresh)}", number)
        elif what == "merge" and len(classes) > 2:
            names = draw(st.permutations(classes))[:2]
            into = draw(st.sampled_from([names[0], f"n{next(fresh)}"]))
            step = Change("merge", dict.fromkeys(names, (into,)), number)
        elif what == "split":
            step = Change("split", {draw(st.sampled_from(classes)): (f"n{next(fresh)}", f"n{next(fresh)}")}, number)
        else:
            continue
        steps.append(step)
        naming = Naming(tuple(steps))
        classes = list(dict.fromkeys(new for name in classes for new in step.into.get(name, (name,))))
    return naming


@settings(max_examples=60, deadline=None)
@given(histories(), st.data())
def test_every_reading_is_of_classes_that_there_are_and_undoing_all_gives_the_first_ones(
    naming: Naming, data: st.DataObject
) -> None:
    now = set(naming.classes("abcd"))
    for name in "abcd":
        read = naming.read(name, 0)
        assert set(read.names) <= now and (read.by is None) == (len(read.names) == 1)
    for name in naming.earlier:
        assert set(naming.read(name).names) <= now
    while naming.standing:
        naming = naming.after(naming.standing[-1].taken_back())
    assert set(naming.classes("abcd")) == set("abcd")
    assert all(naming.read(name, 0).names == (name,) for name in "abcd")
