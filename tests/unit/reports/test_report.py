from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from activessl.explaining.deletion import DeletionTest
from activessl.labels.doubts import Suspect
from activessl.ledger.machines import Spent
from activessl.ledger.schema import Check, Compared, Decided, Promoted
from activessl.measuring.machines.faster import Faster
from activessl.measuring.machines.reliability import reliability
from activessl.measuring.planning.cheaper import machines_worth
from activessl.measuring.planning.hours import AnnotatorTime, HumanTime, hours_saved
from activessl.measuring.planning.stopping import Verdict
from activessl.measuring.quality.anchoring import anchoring
from activessl.measuring.quality.audit import Audit
from activessl.measuring.quality.calibration import calibration_curve
from activessl.measuring.quality.training import score
from activessl.measuring.savings.savings import Savings
from activessl.proof.added import AddedAccuracy
from activessl.proof.machines import MachineFigures
from activessl.proof.slices import SliceFigures, SliceReport
from activessl.reports import html
from activessl.reports.calibration_chart import draw_calibration
from activessl.reports.chart import NARROW, Line, draw, nice_ticks
from activessl.reports.looks import Look
from activessl.reports.report import Report
from activessl.reports.sections import SECTIONS, Section
from activessl.reports.sections.calibrated import Calibrated
from activessl.reports.sections.classes import Classes, ClassRow
from activessl.reports.sections.confusion import Cell, Confusion
from activessl.reports.sections.curves import Curves
from activessl.reports.sections.diary import Diary, Entry
from activessl.reports.sections.doubted import Doubted
from activessl.reports.sections.drift import Drift
from activessl.reports.sections.explained import Explanations
from activessl.reports.sections.gates import Gates
from activessl.reports.sections.hard import Hard, HardItem
from activessl.reports.sections.hours import Hours
from activessl.reports.sections.machines import Machines, worth_lines
from activessl.reports.sections.map import Map
from activessl.reports.sections.nearest import Nearest, Sight
from activessl.reports.sections.newest import ItemRow, Newest
from activessl.reports.sections.rebuilt import Rebuilt
from activessl.reports.sections.rounds import RoundRow, Rounds
from activessl.reports.sections.slices import Slices
from activessl.reports.sections.training import Training
from activessl.reports.sections.value import Value
from activessl.reports.training import TrainedPerson
from activessl.reports.wording import headline

SAVED = Savings(0.9, 40.0, 100.0, 0.6, 0.5, 0.66, 0.9, "measured", False, 200, 20)
TIME = HumanTime(400.0, 900.0, 95, 100, 5, 0, 1, 2, 4.2, 4.0, 4.5, 0.9, (AnnotatorTime("ann", 100, 4.0, 400.0, 1, 2),))
SLICE = SliceFigures("site", "<b>east</b>", 400, 0.1, 30, 20, 0, 0.6, 0.42, 0.76, 0.9, p=0.01, worse=True)
LINES = (
    Line("typiclust", "ours", (10, 40, 100), (0.6, 0.9, 0.95), (0.55, 0.88, 0.94), (0.65, 0.92, 0.96)),
    Line("random", "baseline", (10, 40, 100), (0.4, 0.7, 0.9), (0.3, 0.6, 0.88), (0.5, 0.8, 0.92)),
)
PICTURE = Look("a.png", "data:image/png;base64,AAAA")
CONFUSED = Confusion(
    ("cat", "dog"), ((8, 2), (0, 5)), "15 random labels", True, (0, 1), (Cell(0, 1, 2, (PICTURE, Look("c"))),)
)
SCORED = score([["cat"]] * 4, [["cat"], ["cat"], ["dog"], None])
MACHINES = Machines(
    (
        MachineFigures(
            "<b>small</b>", "language", 900, 3, 1000, Spent(903, 40_000, 60.0, 4.5), None,
            reliability(np.repeat([0, 1], 30), np.repeat([0, 1], [33, 27]), 2), None, True, ("cat",), None, 40.0,
        ),
        MachineFigures("rules", "rules", 0, 0, 1000, Spent(), None, None, None, False, (), None, None),
    ),
    ("cat", "dog"),
    machines_worth(
        Faster(0.4, 0.1, 0.6, 0.9, 200, False), heeded=("<b>small</b>",), spent=4.5, tokens=40_000, answers=903,
        seconds_per_label=9.0, per_hour=20.0, currency="EUR",
    ),
    "EUR",
)  # fmt: skip
FULL = Report(
    title="Pilot",
    made_at=datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
    items=4000,
    classes=3,
    labels=95,
    skipped=5,
    rounds=2,
    savings=SAVED,
    method="Replayed.",
    accuracy=Audit(0.9, 0.8, 0.95, 0.9, 40, 40.0, 0.9, 0.9),
    time=TIME,
    hours=hours_saved(SAVED, 4.2, per_hour=20.0, currency="EUR"),
    per_hour=20.0,
    currency="EUR",
    verdict=Verdict(False, "none", "no limit is reached"),
    assumptions=("An hour costs EUR 20.",),
    not_measured=("The quality of the labels.",),
    next_step="Label 20 more: run `activessl round`.",
    provenance={"seed": "0"},
    sections=(
        Curves(LINES),
        Map(),
        CONFUSED,
        Classes((ClassRow("cat", 10, 100, 0.5, "dog"), ClassRow("owl", 0, 0))),
        Slices(SliceReport(("site",), (SLICE,), 40, 1)),
        Drift(),
        Hard((HardItem(PICTURE, "cat", 0.4),), "cat", (HardItem(Look("c"), "dog", label="cat"),), "40 random labels"),
        Doubted((Suspect("a.png", "cat", "dog", 0.9, 1),), (PICTURE,)),
        Training(1, (TrainedPerson("ann", SCORED, SCORED), TrainedPerson("bob", SCORED, None))),
        Newest((ItemRow("a.png", "typical of 38 items", 2, "cat", "dog", PICTURE),)),
        Calibrated(calibration_curve(np.linspace(0.4, 0.95, 40), np.arange(40) % 3 > 0)),
        Hours(),
        Value(),
        MACHINES,
        Gates(),
        Explanations((), DeletionTest(12, 0.3, 0.1, 0.0, 0.2, 0.1, 0.3)),
        Nearest((Sight(PICTURE, "cat", (Sight(Look("b.png", text="<b>near</b>")),)),)),
        Rebuilt(),
        Rounds((RoundRow(1, "typiclust", 10, 10), RoundRow(2, "typiclust", 30, 40, 0.9, 0.1, 120.0, 0.5))),
        Diary((Entry(datetime(2026, 1, 1, tzinfo=UTC), "the project was created"),)),
    ),
)
BARE = Report(title="Empty", made_at=datetime(2026, 1, 2, tzinfo=UTC), items=10, classes=2, labels=0)


def having(report: Report, *sections: Section) -> Report:
    """The report with these sections in the place of its own of the same kind."""
    new = {type(section): section for section in sections}
    return replace(report, sections=tuple(new.get(type(section), section) for section in report.sections))


class Tags(HTMLParser):
    VOID = frozenset({"meta", "img", "br", "hr", "link", "input"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict]] = []

    def handle_starttag(self, tag, attrs) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag


def parsed(report: Report) -> Tags:
    tags = Tags()
    tags.feed(report.to_html())
    assert not tags.open
    return tags


def test_the_newest_decision_of_each_gate_is_shown_with_the_number_of_earlier_ones() -> None:
    check = Check(name="accuracy", value=0.7, bound=0.8, passed=None, sample="on 20 random labels")
    first = Decided(
        stage="pilot",
        decision="open",
        checks=(check,),
        model="round-1",
        fingerprint="",
        digest="",
        labels=7,
        annotators={"ann": 7},
        turn=9,
    )
    newest = first.model_copy(update={"model": "round-3", "turn": 12})
    other = first.model_copy(update={"stage": "series", "turn": 13})
    report = having(FULL, Gates((first, first.model_copy(update={"turn": 10}), newest, other)))
    page, text = report.to_html(), report.to_text()
    assert page.count("<h3>Gate 'pilot'") == page.count("<h3>Gate 'series'") == 1
    assert "model round-3; 2 earlier decisions are in the ledger</p>" in page
    assert text.count("gate         'pilot'") == text.count("gate         'series'") == 1
    assert "model round-3; 2 earlier decisions are in the ledger\n" in text
    assert len(report.to_dict()["gates"]) == 4


def test_rounds_have_a_column_of_accuracy_only_where_test_data_measured_it() -> None:
    assert "Accuracy on test data" in FULL.to_html() and "accuracy on test data" in FULL.to_text()
    untested = having(FULL, Rounds((RoundRow(1, "typiclust", 10, 10),)))
    assert "on test data" not in untested.to_html() + untested.to_text()
    (cells,) = re.findall(r"<tr><th scope=.row. class=.number.>1</th>(.*?)</tr>", untested.to_html())
    (head,) = re.findall(r"<thead><tr>(<th scope=.col. class=.number.>Round</th>.*?)</tr>", untested.to_html())
    assert cells.count("<td") + 1 == head.count("<th")


def test_the_page_explains_its_words_for_calibration_and_suggestions() -> None:
    page = having(FULL, Hours(anchoring([True] * 90 + [False] * 10, [True] * 15 + [False] * 5))).to_html()
    assert "The calibration error is the mean distance between confidence and accuracy" in page
    assert "Anchoring: people take over the suggestion" in page
    assert page.count("A point is a percentage point") == 2


@pytest.mark.parametrize("report", [FULL, BARE])
def test_the_page_is_whole_and_fetches_nothing(report: Report) -> None:
    tags = parsed(report)
    names = {tag for tag, _ in tags.seen}
    assert not names & {"script", "link", "iframe", "object", "form", "base"}
    for _, attributes in tags.seen:
        assert not any(name.startswith("on") or name == "style" for name in attributes)
        for name in ("src", "href", "action", "data", "srcset"):
            assert attributes.get(name, "data:").startswith(("data:", "#"))
    assert "http://" not in report.to_html() and "https://" not in report.to_html()
    assert "url(" not in report.to_html() and "@import" not in report.to_html()


def test_the_policy_allows_the_style_sheet_that_is_there_and_no_other() -> None:
    import base64
    import hashlib

    page = FULL.to_html()
    style = re.search(r"<style>(.*?)</style>", page, re.S).group(1)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = next(a["content"] for t, a in parsed(FULL).seen if a.get("http-equiv") == "Content-Security-Policy")
    assert f"style-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy and "unsafe" not in policy


def test_only_sounds_in_the_page_itself_are_played() -> None:
    def page(sound: str) -> str:
        return having(FULL, Hard((HardItem(Look("a", sound=sound), "cat", confidence=0.4),))).to_html()

    assert '<audio controls preload="none" src="data:audio/wav;base64,UklG"' in page("data:audio/wav;base64,UklG")
    assert "media-src data:" in page("data:audio/wav;base64,UklG")
    assert "<audio" not in page("https://example.org/a.wav") and "<audio" not in page("javascript:alert(1)")


def test_names_from_the_data_cannot_become_markup() -> None:
    evil = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
    bad = Look(evil, picture="javascript:alert(1)")
    report = having(
        replace(
            FULL,
            title=evil,
            method=evil,
            next_step=f"`{evil}`",
            assumptions=(evil,),
            provenance={evil: evil},
        ),
        Curves((replace(LINES[0], name=evil), LINES[1])),
        Rounds((replace(FULL.section(Rounds).rows[0], strategy=evil),)),
        Classes((ClassRow(evil, 1, 1, 0.5, evil),)),
        Newest((ItemRow(evil, evil, 1, evil, evil, bad),)),
        Nearest((Sight(bad, evil, (Sight(Look(evil, text=evil)),)),)),
        Confusion((evil, evil), ((8, 2), (0, 5)), evil, True, (0, 1), (Cell(0, 1, 2, (bad,)),)),
        Hard((HardItem(bad, evil, 0.4),), evil, (HardItem(bad, evil, label=evil),), evil),
        Doubted((Suspect(evil, evil, evil, 0.9, 1),), (bad,)),
        Training(1, (TrainedPerson(evil, SCORED, SCORED),)),
        Diary((Entry(datetime(2026, 1, 1, tzinfo=UTC), evil),)),
    )
    assert {tag for tag, _ in parsed(report).seen} == {tag for tag, _ in parsed(FULL).seen} - {"img"}
    assert "javascript:" not in report.to_html()


def test_a_picture_that_is_not_in_the_file_is_left_out() -> None:
    for uri in ("https://example.org/a.png", "data:image/svg+xml;base64,AAAA", "data:text/html,x"):
        report = having(
            replace(FULL, sections=(Newest(FULL.section(Newest).rows), Nearest(FULL.section(Nearest).sights))),
            Newest((replace(FULL.section(Newest).rows[0], look=Look("a", uri)),)),
            Nearest((replace(FULL.section(Nearest).sights[0], look=Look("a", uri)),)),
        )
        assert "img" not in {tag for tag, _ in parsed(report).seen}


def test_machines_are_shown_with_price_reliability_verdict_and_what_they_saved() -> None:
    page = FULL.to_html().replace("\N{NO-BREAK SPACE}", " ")
    assert "<b>small" not in page and "&lt;b&gt;small" in page
    for one in (
        "EUR 4.50, 40,000 tokens",
        "right: 95 %"[7:],
        "80 labels (90 % interval 20 labels to 120 labels)",
        "-EUR 0.50 (90 % interval -EUR 3.50",
    ):
        assert one in page and one in FULL.to_text()
    assert "not known, because no random item has both" in page
    found = json.loads(FULL.to_json())
    assert found["machines_worth"]["labels"] == {"middle": 80.0, "low": 20.0, "high": 120.0}
    assert found["machines"]["rules"]["reliability"] is None and found["machines"]["rules"]["evidence"] is None


def test_where_nothing_can_be_said_of_what_machines_saved_it_is_told_why() -> None:
    few = machines_worth(None, heeded=("m",), spent=0.0, answers=9)
    assert dict(worth_lines(few))["they saved"].startswith("not known, because fewer than 10 random labels")
    none = machines_worth(None, heeded=(), spent=2.0, answers=9, per_hour=20.0, currency="EUR")
    assert dict(worth_lines(none))["they saved"] == "nothing: the head heeds no machine"
    assert none.net is not None and none.net.middle == -2.0
    untimed = machines_worth(Faster(0.4, 0.1, 0.6, 0.9, 200, True), heeded=("m",), spent=0.0, answers=9)
    told = dict(worth_lines(untimed))
    assert "more cannot be shown" in told["they saved"] and told["in hours"].startswith("not known, because")


def test_the_three_forms_say_the_same() -> None:
    page = FULL.to_html().replace("\N{NO-BREAK SPACE}", " ")
    for told in ("40 labels instead of 100", "60 %", "50 % to 66 %", "20 seeds"):
        assert told in page
    text = FULL.to_text()
    assert "40 labels instead of 100" in text and "50 % to 66 %" in text
    found = json.loads(FULL.to_json())
    assert found["savings"]["labels"] == 40 and found["savings"]["censored"] is False
    assert found["headline"]["text"] == FULL.headline.text and found["headline"]["proven"] is True


def test_an_empty_project_has_a_report_that_claims_nothing() -> None:
    found = json.loads(BARE.to_json())
    assert found["savings"] is None and found["accuracy"] is None and found["headline"]["proven"] is False
    assert "are not measured" in BARE.to_text() and "accuracy     not measured" in BARE.to_text()
    assert "not recorded" in BARE.to_html() and "<svg" not in BARE.to_html()


def test_a_figure_that_is_nan_is_never_written() -> None:
    with pytest.raises(ValueError, match="JSON"):
        replace(FULL, per_hour=float("nan")).to_json()


@pytest.mark.parametrize(
    ("change", "text", "proven"),
    [
        ({}, "40 labels instead of 100", True),
        ({"low": -0.1}, "40 labels instead of 100", False),
        ({"low": None, "high": None, "seeds": 1}, "40 labels instead of 100", False),
        ({"kind": "at_least", "baseline_labels": None}, "40 labels instead of more than 200", True),
        (
            {"kind": "at_most", "labels": None, "saved": -1.0, "low": None},
            "More than 200 labels instead of 100: no labels are saved",
            False,
        ),
        (
            {"kind": "undefined", "labels": None, "saved": None, "baseline_labels": None},
            "200 labels are too few for the target, chosen by activessl and chosen at random",
            False,
        ),
        (
            {"saved": -0.2, "labels": 120.0, "low": -0.3, "high": 0.0},
            "120 labels instead of 100: no labels are saved",
            False,
        ),
        ({"at_first": True}, "At most 40 labels instead of 100", True),
    ],
)
def test_the_headline_is_never_better_than_the_measurement(change: dict, text: str, proven: bool) -> None:
    saved = replace(SAVED, **change)
    found = headline(saved, 95)
    assert (found.text, found.proven) == (text, proven)
    hours = hours_saved(saved, 4.0, per_hour=20.0, currency="EUR")
    report = replace(FULL, savings=saved, hours=hours)
    assert text in report.to_html() and text in report.to_text()
    assert "nan" not in report.to_text().lower()


def test_hours_that_got_lost_are_told_as_more() -> None:
    report = replace(FULL, hours=hours_saved(SAVED, 4.0, tax=3.0, per_hour=20.0, currency="EUR"))
    assert "20 % more than random choice" in report.to_text()
    assert "min more" in report.to_html() or "s more" in report.to_html()


def test_the_drawing_stays_inside_and_names_keep_apart() -> None:
    many = [Line(f"arm {i}", "other", (10, 20), (0.5, 0.6 + i / 1000)) for i in range(6)]
    chart = draw([*LINES, *many], SAVED)
    for trace in chart.traces:
        assert all(chart.left <= x <= chart.right and chart.top <= y <= chart.bottom for x, y, _ in trace.points)
    heights = sorted(t.name_at[1] for t in chart.traces)
    assert all(b - a >= 15.9 for a, b in pairwise(heights))
    assert "typiclust goes from 60.0 % at 10 labels to 95.0 % at 100" in chart.summary


def test_one_point_and_flat_curves_can_be_drawn() -> None:
    assert draw([Line("one", "ours", (10,), (0.5,))], None) is not None
    assert draw([Line("flat", "ours", (10, 20), (1.0, 1.0))], None) is not None
    assert draw([], None) is None
    assert nice_ticks(0.5, 0.5, 5)[0] < 0.5


def test_a_chart_without_a_saving_draws_no_gap() -> None:
    assert draw(LINES, None).gap is None
    assert draw(LINES, replace(SAVED, saved=-0.1)).gap is None
    assert draw(LINES, SAVED).gap.text == "60 % fewer labels"


def test_what_the_encoder_takes_for_alike_is_shown_and_escaped() -> None:
    page = FULL.to_html()
    assert "Nearest items in the embedding" in page
    assert "&lt;b&gt;near&lt;/b&gt;" in page
    assert "Nearest items in the embedding" not in BARE.to_html()


def test_the_reliability_curve_is_drawn_told_and_tabled() -> None:
    page = FULL.to_html()
    assert "does confidence equal accuracy?" in page and page.count('class="ours trace"') == 2 + 1 + 1
    assert "does confidence equal accuracy?" not in BARE.to_html()
    assert "calibration  mean confidence 68 %, accuracy 65 %: fits" in FULL.to_text()
    assert [one["labels"] for one in FULL.to_dict()["calibration"]["bins"]] == [20, 20]
    chart = draw_calibration(FULL.section(Calibrated).calibration)
    assert chart is not None and draw_calibration(None) is None
    for mark in chart.marks:  # up is more, and the interval lies about the point
        assert mark.high < mark.y < mark.low and chart.left < mark.x < chart.right


def test_a_round_that_is_not_taught_yet_has_no_labels_to_show() -> None:
    waiting = having(FULL, Rounds((*FULL.section(Rounds).rows, RoundRow(99, "auto", 20, None))))
    row = next(line for line in waiting.to_html().splitlines() if '<th scope="row" class="number">99</th>' in line)
    assert '<td class="number">20</td><td class="number">–</td>' in row
    assert next(line for line in waiting.to_text().splitlines() if line.startswith("   99")).split()[1] == "-"


def test_every_section_has_a_template_and_keys_of_its_own() -> None:
    folder = Path(html.__file__).parent / "page" / "sections"
    assert {path.name for path in folder.iterdir()} == {f"{section.name}.html.j2" for section in SECTIONS}
    keys = [key for section in FULL.sections for key in section.to_dict()]
    assert len(keys) == len(set(keys)) and len(SECTIONS) == len({section.name for section in SECTIONS})
    assert not set(keys) & set(BARE.to_dict())
    assert all(isinstance(section, Section) for section in FULL.sections)
    assert tuple(type(section) for section in FULL.sections) == SECTIONS


def test_a_section_that_a_report_does_not_have_is_named() -> None:
    with pytest.raises(LookupError, match="no section Curves"):
        BARE.section(Curves)


def test_what_a_section_tells_in_a_block_stands_below_the_figures() -> None:
    text = having(FULL, Value(promise="at most 2 % wrong"), Rounds((RoundRow(1, "auto", 10, 10),))).to_text()
    assert text.index("accepted     at most 2 % wrong") < text.index("round  labels") < text.index("assumptions:")


def test_a_wrong_cell_of_the_confusion_matrix_opens_its_pictures() -> None:
    tags = parsed(FULL)
    links = {a["href"] for tag, a in tags.seen if tag == "a" and a["href"].startswith("#confused")}
    assert links == {"#confused-0-1"}
    assert {f"#{a['id']}" for _, a in tags.seen if a.get("id", "").startswith("confused")} == links
    chosen = having(FULL, replace(CONFUSED, measures=False)).to_html()
    assert "do not measure the accuracy" in chosen and "do not measure the accuracy" not in FULL.to_html()
    assert FULL.to_dict()["confusion"]["counts"] == ((8, 2), (0, 5))
    assert "confused     cat as dog (2); on 15 random labels" in FULL.to_text()


def test_accuracy_and_cost_come_first_then_what_was_saved() -> None:
    text = FULL.to_text()
    assert text.index("90.0 % accuracy with 95 labels and 7 min of labeling (EUR 2.22)") < text.index(
        FULL.headline.text
    )
    page = FULL.to_html().replace("\N{NO-BREAK SPACE}", " ")
    assert page.index("90.0 % accuracy with 95 labels") < page.index(FULL.headline.text)
    early = replace(
        FULL, accuracy=None, missing="not measured yet: 8 of 10 random labels, about 1 more round is needed"
    )
    assert "the accuracy is not measured yet\naccuracy: not measured yet: 8 of 10 random labels" in early.to_text()
    assert early.to_dict()["standing"]["detail"].endswith("about 1 more round is needed")


def test_markdown_says_what_the_terminal_says_and_escapes_it() -> None:
    told = having(replace(FULL, title="a|<b>"), Doubted((Suspect("![x](y)", "cat", "dog", 0.9, 1),))).to_markdown()
    assert told.startswith("# a\\|\\<b\\>\n\n90.0 % accuracy with 95 labels")
    assert "- **suspect**: 1 label is probably wrong: \\!\\[x\\](y)" in told
    assert "```\nround  labels" in told and told.count("```") == 2
    for line in FULL.to_text().splitlines():
        assert line.split("  ")[-1].strip("=- ").replace("_", "") in FULL.to_markdown().replace("\\", "").replace(
            "_", ""
        )


def test_curves_are_drawn_by_labels_and_by_the_time_of_labeling_for_desks_and_phones() -> None:
    def page(hours_a_label: float) -> str:
        timed = tuple(replace(line, labels=tuple(n * hours_a_label for n in line.labels)) for line in LINES)
        return having(FULL, Curves(LINES, timed)).to_html()

    long, short = page(1 / 20), page(1 / 600)
    assert "Accuracy by hours of labeling" in long and "of labeling</h3>" not in FULL.to_html()
    assert "typiclust: 90.0\N{NO-BREAK SPACE}% at 2.00 hours" in long
    assert "Accuracy by minutes of labeling" in short
    assert "typiclust: 90.0\N{NO-BREAK SPACE}% at 4.0 minutes" in short
    for size in range(2):
        assert short.count(f'id="chart{size}-title"') == short.count(f'id="chart-time{size}-title"') == 1
    assert short.count('class="on-desks"') == short.count('class="on-phones"') == 2


def test_a_chart_for_phones_keeps_all_lines_inside_and_names_them_below() -> None:
    chart = draw(LINES, None, frame=NARROW)
    assert chart is not None and chart.width == NARROW.width
    for trace in chart.traces:
        assert all(chart.left <= x <= chart.right and chart.top <= y <= chart.bottom for x, y, _ in trace.points)
    page = FULL.to_html()
    keys = page[page.index('<p class="keys">') :].split("</p>")[0]
    assert all(line.name in keys for line in LINES)


def test_the_page_shows_added_items_new_regions_and_the_model_in_use() -> None:
    told = {
        "fingerprint": "f",
        "old": 400,
        "new": 105,
        "statistic": 0.4,
        "p_classifier": 0.02,
        "turn": 1,
        "level": 0.05,
    }
    told |= {"p_kernel": 0.5, "p_neighbours": 0.001, "added": ("a", "b"), "p": 0.001, "drift": True}
    compared = Compared(**told, regions=(("<b>x</b>.png", "y.png"), ("z.png",)))
    used = Promoted(
        outcome="first", model="abc", round=3, labels=52, digest="d", fingerprint="f", why="the first model", turn=2
    )
    accuracy = AddedAccuracy(16, 20, 0.599, 0.929, 0.9, 105)
    report = having(FULL, Drift(((compared, accuracy),), "", "", (used,), used))
    page = report.to_html().replace("\N{NO-BREAK SPACE}", " ")
    assert "Added items" in page and "New regions" in page and "&lt;b&gt;x&lt;/b&gt;.png, y.png" in page
    assert "105 added items differ from the 400 before them" in page and "80.0 % (90 % interval 59.9" in page
    assert "Model abc, of round 3, taught 52 labels: the first model." in page
    text = report.to_text()
    assert "added        105 added items differ" in text and "in use       model abc, of round 3" in text
    found = report.to_dict()
    assert found["model_in_use"] == "abc" and found["drift"][0]["accuracy"]["labels"] == 20
    assert "added" not in found["drift"][0]  # thousands of ids
    assert "Added items" not in FULL.to_html()
