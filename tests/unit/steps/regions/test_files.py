"""Regions in and out of a project: every layout is read back by our readers, and masks by pycocotools."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from activessl.errors import ConfigError, LabelError
from activessl.labels.answers import Answer
from activessl.labels.regions.files.read import read_regions
from activessl.labels.regions.places import Box, Mask, Segment
from activessl.labels.regions.region import Region, Regions
from activessl.labels.regions.stored import read_stored, stored
from activessl.ledger.schema import Answered
from activessl.session import RegionLayout, Session
from activessl_cli.main import run

from .projects import blocks, spans


def told(session: Session, truth: dict[str, Regions], key: str = "k") -> None:
    """Write answers as an annotator gives them."""
    session.project.append(
        *(
            Answered(
                answer=Answer(
                    f"{key}{item}",
                    f"s{item}",
                    item,
                    "label",
                    tuple({n for r in regions for n in r.classes}),
                    "ann",
                    9.0,
                    datetime(2026, 1, 1, tzinfo=UTC),
                    regions=tuple(stored(regions)),
                )
            )
            for item, regions in truth.items()
        )
    )


def pictured(folder: Path, task: str) -> tuple[Session, dict[str, Regions]]:
    truth = blocks(folder, 7, masks=task == "masks")
    session = Session.create(folder / "project", folder / "images", ["bright", "dark"], task=task)
    told(session, truth)
    return session, truth


def places(regions: Regions) -> list[tuple[object, tuple[str, ...]]]:
    return sorted(((one.place, one.classes) for one in regions), key=str)


@pytest.mark.parametrize(
    ("task", "layout"), [("boxes", "coco"), ("boxes", "voc"), ("masks", "coco"), ("masks", "masks")]
)
def test_exported_pictures_are_read_back_with_those_that_hold_nothing(
    tmp_path: Path, task: str, layout: RegionLayout
) -> None:
    session, truth = pictured(tmp_path, task)
    rows = session.export_items(tmp_path / "out", layout)
    found = read_regions(tmp_path / "out")
    assert found is not None and len(found.pool) == len(rows) == 7
    for item, regions in zip(found.pool.ids, found.regions, strict=True):
        assert places(regions) == places(truth[Path(item).name])
    with pytest.raises(ConfigError, match="is not empty"):
        session.export_items(tmp_path / "out", layout)
    with pytest.raises(ConfigError, match=f"the layout 'conll' cannot hold {task}"):
        session.export_items(tmp_path / "other", "conll")
    assert not (tmp_path / "other").exists()


def test_pycocotools_reads_exported_masks_to_the_pixel(tmp_path: Path) -> None:
    coco = pytest.importorskip("pycocotools.coco")
    session, truth = pictured(tmp_path, "masks")
    session.export_items(tmp_path / "out", "coco")
    document = coco.COCO(str(tmp_path / "out" / "annotations.json"))
    names = {image["id"]: image["file_name"] for image in document.loadImgs(document.getImgIds())}
    assert len(names) == 7
    for number, name in names.items():
        masks = [document.annToMask(one).astype(bool) for one in document.loadAnns(document.getAnnIds(number))]
        true = [one.place.array() for one in truth[name] if isinstance(one.place, Mask)]
        assert len(masks) == len(true) and all(np.array_equal(a, b) for a, b in zip(masks, true, strict=True))


def test_yolo_has_centers_and_sizes_as_shares_and_an_empty_file_for_an_empty_picture(tmp_path: Path) -> None:
    session, truth = pictured(tmp_path, "boxes")
    session.export_items(tmp_path / "out", "yolo")
    assert (tmp_path / "out" / "labels" / "00.txt").read_text() == ""
    (line,) = (tmp_path / "out" / "labels" / "01.txt").read_text().splitlines()
    label, *shares = line.split()
    x, y, width, height = (float(share) * side for share, side in zip(shares, (48, 40, 48, 40), strict=True))
    (region,) = truth["01.png"]
    assert label == "0" and Box(
        round(x - width / 2, 4), round(y - height / 2, 4), round(width, 4), round(height, 4)
    ) == (region.place)
    assert '1: "dark"' in (tmp_path / "out" / "data.yaml").read_text()


def test_spans_are_written_as_tags_and_overlapping_ones_are_refused(tmp_path: Path) -> None:
    session, truth = spans(tmp_path, 9, encode=False)
    told(session, truth)
    session.export_items(tmp_path / "out", "conll")
    found = read_regions(tmp_path / "out" / "spans.conll")
    assert found is not None and len(found.pool) == 9
    assert [places(one) for one in found.regions] == [places(truth[f"texts:{i}"]) for i in range(9)]
    (tmp_path / "other").mkdir()
    other, _ = spans(tmp_path / "other", 9, encode=False)
    done = other.import_file(tmp_path / "out" / "spans.conll", annotator="ann")
    assert (done.new, done.elsewhere) == (9, 0)
    assert other.table(predictions=False) == session.table(predictions=False)

    first = truth["texts:1"][0]
    told(session, {"texts:1": (first, Region(first.place, ("place",)))}, "later")
    with pytest.raises(ConfigError, match="tags cannot hold spans that overlap"):
        session.export_items(tmp_path / "again", "conll")
    assert not (tmp_path / "again").exists()


def test_segments_are_written_with_the_series_and_as_a_table(tmp_path: Path) -> None:
    series = np.random.default_rng(0).normal(size=(4, 2, 60)).astype(np.float32)
    np.savez(tmp_path / "series.npz", X=series)
    session = Session.create(tmp_path / "project", tmp_path / "series.npz", ["rest", "walk"], task="segments")
    ids = session.project.pool().ids
    truth: dict[str, Regions] = {
        ids[0]: (Region(Segment(0, 20), ("rest",)), Region(Segment(20, 60), ("walk",))),
        ids[2]: (),
    }
    told(session, truth)
    session.export_items(tmp_path / "out", "segments")
    found = read_regions(tmp_path / "out" / "segments.npz")
    assert found is not None and [places(one) for one in found.regions] == [places(truth[ids[0]]), []]
    lines = (tmp_path / "out" / "segments.csv").read_text().splitlines()
    assert lines == ["item,start,end,channel,class", f"{ids[0]},0,20,,rest", f"{ids[0]},20,60,,walk"]


def test_an_export_is_imported_into_another_project_of_the_same_items_once(tmp_path: Path) -> None:
    session, truth = pictured(tmp_path, "boxes")
    session.export_items(tmp_path / "out", "coco")
    other = Session.create(tmp_path / "other", tmp_path / "images", ["bright", "dark"], task="boxes")
    done = other.import_file(tmp_path / "out")
    assert (done.new, done.known, done.elsewhere, done.annotators) == (7, 0, 0, ("out",))
    labels = other.project.history().labels
    assert {item: len(label.regions or ()) for item, label in labels.items()} == {i: len(r) for i, r in truth.items()}
    assert (again := other.import_file(tmp_path / "out")).new == 0 and again.known == 7
    # an edit is one new answer, and the earlier one no longer counts
    document = json.loads((tmp_path / "out" / "annotations.json").read_text())
    document["annotations"] = document["annotations"][1:]
    (tmp_path / "out" / "annotations.json").write_text(json.dumps(document))
    assert other.import_file(tmp_path / "out").new == 1
    count = sum(len(label.regions or ()) for label in other.project.history().labels.values())
    assert count == sum(map(len, truth.values())) - 1


def test_an_import_that_does_not_fit_changes_nothing(tmp_path: Path) -> None:
    session, _ = pictured(tmp_path, "masks")
    session.export_items(tmp_path / "out", "masks")
    boxes = Session.create(tmp_path / "boxes", tmp_path / "images", ["bright", "dark"], task="boxes")
    with pytest.raises(LabelError, match=r"holds regions of the kind mask, (not box|the project asks for boxes)"):
        boxes.import_file(tmp_path / "out")
    one = Session.create(tmp_path / "one", tmp_path / "images", ["bright"], task="masks")
    with pytest.raises(LabelError, match="the project has no class 'dark'"):
        one.import_file(tmp_path / "out")
    with pytest.raises(ConfigError, match="holds no masks"):
        one.import_file(tmp_path / "images")
    blocks(tmp_path / "others", 5)
    (tmp_path / "others" / "images" / "00.png").write_bytes((tmp_path / "out" / "images" / "01.png").read_bytes())
    for name in ("01", "02", "03", "04"):
        (tmp_path / "others" / "images" / f"{name}.png").unlink()
    strangers = Session.create(tmp_path / "strangers", tmp_path / "others" / "images", ["bright", "dark"], task="masks")
    # the picture 00.png there is another one: its name alone is no reason to move masks to it
    done = strangers.import_file(tmp_path / "out")
    assert (done.new, done.elsewhere) == (1, 6)
    assert len(strangers.project.history().labels["00.png"].regions or ()) == 1
    assert not boxes.project.history().labels and not one.project.history().labels


@pytest.mark.parametrize("ending", ["jsonl", "json", "csv", "parquet"])
def test_a_table_of_a_project_is_read_into_another_one_of_the_same_items(
    ending: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session, truth = pictured(tmp_path, "masks")
    table = tmp_path / f"regions.{ending}"
    assert run("export", str(table), "--project", str(session.project.folder)) == 0
    other = Session.create(tmp_path / "other", tmp_path / "images", ["bright", "dark"], task="masks")
    argv = ("import", str(table), "--project", str(other.project.folder))
    assert run(*argv) == 0 and "7 new labels" in capsys.readouterr().out
    history = other.project.history()
    for item, regions in truth.items():
        assert places(read_stored(history.labels[item].regions or ())) == places(regions)
    assert run(*argv) == 0 and "0 new labels, 7 known before" in capsys.readouterr().out


def test_a_table_is_of_contents_and_of_people_and_anything_else_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session, _ = pictured(tmp_path, "boxes")
    rows = session.table(predictions=False)
    rows[0]["source"], rows[1]["sha256"] = "model", "0" * 64
    table = tmp_path / "regions.jsonl"
    argv = ("import", str(table), "--project", str(tmp_path / "other"))
    Session.create(tmp_path / "other", tmp_path / "images", ["bright", "dark"], task="boxes")

    def write(told: list[dict[str, object]]) -> None:
        table.write_text("".join(json.dumps(row) + "\n" for row in told))

    write(rows)
    assert run(*argv) == 0
    said = capsys.readouterr().out
    assert "5 new labels" in said and "1 rows of the model left out" in said and "1 label of items that are not" in said
    whole = next(row for row in rows if row["count"])
    for odd, says in (
        ({"sha256": None}, "does not say of which content"),
        ({"regions": [{"kind": "box"}]}, "regions that cannot be read"),
        ({"regions": "x"}, "regions that cannot be read"),
        ({"regions": [{**whole["regions"][0], "classes": ["hole"]}]}, "the project has no class 'hole'"),
        ({"regions": [{"kind": "span", "start": 0, "end": 3, "classes": ["dark"]}]}, "of the kind span"),
        ({"regions": [{**whole["regions"][0], "width": 4_000}]}, "error: "),
    ):
        write([{**whole, **odd}])
        assert run(*argv) == 1
        assert says in capsys.readouterr().err
    del whole["regions"]
    write([whole])
    assert run(*argv) == 1 and "and not where" in capsys.readouterr().err
