"""The map of the items in the report."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from activessl import Oracle, Session
from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.project.snapshot import Snapshot
from activessl.reports import atlas
from activessl.reports.atlas import atlas_of
from activessl.reports.html import as_json
from activessl.reports.scales import MOST_VALUES, category, scales_of
from activessl.reports.sections import map as map_section
from activessl.reports.sections.map import Map
from activessl.sealed import seal

EVIL = "</script><script>alert(1)</script> 5 % \"'&"


def texts(tmp_path: Path, items: list[str]) -> Session:
    (tmp_path / "texts.csv").write_text(
        "id,text\n" + "".join('"{}","{}"\n'.format(f"{i} {EVIL}".replace('"', '""'), t) for i, t in enumerate(items)),
        encoding="utf-8",
    )
    config = check_config({"data": {"path": "../texts.csv", "modality": "text", "classes": ("a", "b")}})
    session = Session(Project.create(tmp_path / "p", config, version="0"))
    session.encode()
    return session


def vectors(tmp_path: Path, rows: np.ndarray) -> Session:
    np.savez(tmp_path / "pool.npz", vectors=rows.astype(np.float32))
    config = check_config({"data": {"path": "../pool.npz", "modality": "vector", "classes": ("a", "b")}})
    session = Session(Project.create(tmp_path / "p", config, version="0"))
    session.encode()
    return session


def blocks(page: str) -> dict[str, object]:
    found = re.findall(r'<script type="application/json" id="([\w-]+)">(.*?)</script>', page, re.S)
    return {name: json.loads(text) for name, text in found}


def shorts(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), dtype="<u2")


def test_hostile_ids_and_texts_stay_data(tmp_path: Path) -> None:
    session = texts(tmp_path, ["<img src=x onerror=alert(1)> one", "two " + "long " * 3000, "three", "four"])
    page = session.report().to_html()
    data = blocks(page)["map-data"]
    assert isinstance(data, dict) and tuple(data["ids"]) == Snapshot.of(session.project).embeddings.ids
    assert all(EVIL in item for item in data["ids"]) and "<img src=x onerror=alert(1)> one" in data["texts"]
    assert max(map(len, data["texts"])) < 100
    assert "<script>alert" not in page and "<img src=x" not in page
    assert page.count("<script") == page.count("</script>") == 3  # two of data, and the program


def test_the_policy_allows_the_script_of_the_page_and_no_other(tmp_path: Path) -> None:
    report = vectors(tmp_path, np.random.default_rng(0).normal(size=(30, 4))).report()
    page = report.to_html()
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)
    script = page.rsplit("<script>", 1)[1].split("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src &#39;sha256-{digest}&#39;" in policy and "unsafe" not in policy
    report.to_html(tmp_path / "page.html")
    written = (tmp_path / "page.html").read_bytes().decode()
    assert script in written and len(written) == len(page)


@pytest.mark.parametrize("rows", [np.eye(3), np.ones((12, 4)), np.ones((1, 4))])
def test_a_few_items_and_copies_have_a_map(tmp_path: Path, rows: np.ndarray) -> None:
    page = vectors(tmp_path, rows).report().to_html()
    data = blocks(page)["map-data"]
    assert isinstance(data, dict)
    assert len(data["ids"]) == len(rows) and len(shorts(data["places"])) == 2 * len(rows)
    assert len(shorts(data["near"])) % len(rows) == 0


def test_the_map_is_kept_beside_the_embeddings_and_made_again_if_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = vectors(tmp_path, np.random.default_rng(0).normal(size=(40, 4)))
    made = []
    project = atlas.project
    monkeypatch.setattr(atlas, "project", lambda *a, **k: made.append(1) or project(*a, **k))
    first = atlas_of(Snapshot.of(session.project))
    again = atlas_of(Snapshot.of(session.project))
    np.testing.assert_array_equal(first.places, again.places)
    assert len(made) == 1
    (folder,) = (session.project.folder / "embeddings").glob("*/map")
    np.save(folder / "places.npy", first.places[::-1])  # whole, but not what was written
    np.testing.assert_array_equal(atlas_of(Snapshot.of(session.project)).places, first.places)
    assert len(made) == 2
    atlas_of(Snapshot.of(session.project))
    assert len(made) == 2


def test_of_a_large_pool_a_sample_is_on_the_map(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = vectors(tmp_path, np.random.default_rng(0).normal(size=(40, 4)))
    monkeypatch.setattr(atlas, "MOST_PLACED", 25)
    report = session.report()
    assert report.to_dict()["map"] == {"items": 25, "of": 40}
    assert "25 of 40 items" in report.to_html()


def test_items_are_colored_by_what_is_known_of_them(tmp_path: Path) -> None:
    truth = np.arange(60) % 2
    rows = 4 * np.eye(2, 6)[truth] + np.random.default_rng(0).normal(size=(60, 6))
    session = vectors(tmp_path, rows)
    ids = Snapshot.of(session.project).embeddings.ids
    session.query(20)
    waiting = session.project.history().open_round
    assert waiting is not None
    person = Oracle({item: "ab"[k] for item, k in zip(ids, truth, strict=True)}, ("a", "b"), name="ann")
    session.push(person)
    session.pull(person)
    session.teach()
    session.query(10)
    snapshot = Snapshot.of(session.project)
    scales = {scale.name: scale for scale in scales_of(snapshot, np.arange(60))}
    assert {"Class", "Label", "Prediction", "Confidence", "State", "Newest round", "Annotator"} <= scales.keys()

    def said(name: str) -> dict[str, str]:
        scale = scales[name]
        assert scale.values is not None
        return {item: scale.values[code] for item, code in zip(ids, scale.codes, strict=True)}

    assert {i: c for i, c in said("Label").items() if c} == {i: "ab"[truth[ids.index(i)]] for i in waiting.items}
    state = said("State")
    assert {i for i, s in state.items() if s == "labeled"} == set(waiting.items)
    second = session.project.history().open_round
    assert second is not None and {i for i, s in state.items() if s == "asked"} == set(second.items)
    assert {i for i, who in said("Annotator").items() if who == "ann"} == set(waiting.items)


def test_items_are_colored_by_the_columns_of_the_metadata(tmp_path: Path) -> None:
    site = np.where(np.arange(40) < 10, "north", "south")
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "pool.npz", vectors=rng.normal(size=(40, 4)).astype(np.float32), site=site)
    made = Session.create(tmp_path / "p", tmp_path / "pool.npz", ["a", "b"])
    made.encode()
    snapshot = Snapshot.of(made.project)
    found = {scale.name: scale for scale in scales_of(snapshot, np.arange(5, 25))}["site"]
    assert found.values is not None
    assert [found.values[code] for code in found.codes] == ["north"] * 5 + ["south"] * 15
    assert '"name": "site"' in made.report().to_html() or '"name":"site"' in made.report().to_html()
    (tmp_path / "pool.npz").unlink()  # the map is drawn without what cannot be read
    assert "site" not in {scale.name for scale in scales_of(Snapshot.of(made.project), np.arange(40))}


def test_rare_values_of_a_category_are_one() -> None:
    found = category("Site", [str(i) for i in range(MOST_VALUES + 30)] + [""])
    assert found.values is not None and len(found.values) == MOST_VALUES + 2 and found.values[-1] == "other"
    assert (found.codes == MOST_VALUES + 1).sum() == 30 and found.codes[-1] == 0


def test_pictures_are_read_while_the_page_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "images"
    data.mkdir()
    for i in range(12):
        Image.new("RGB", (90, 60), (20 * i, 10, 200)).save(data / f"{i}.png")
    (data / "broken.png").write_bytes((data / "1.png").read_bytes())
    config = check_config(
        {"data": {"path": "../images", "modality": "image", "classes": ("a", "b")}, "encoder": {"name": "pixels"}}
    )
    session = Session(Project.create(tmp_path / "p", config, version="0"))
    session.encode()
    monkeypatch.setattr(map_section, "MOST_PICTURES", 8)
    report = session.report()
    section = report.section(Map)
    read = []
    thumbnail = map_section.thumbnail
    monkeypatch.setattr(map_section, "thumbnail", lambda *a: read.append(1) or thumbnail(*a))
    pieces = section.pictures()
    next(pieces), next(pieces)
    assert len(read) == 1
    pieces.close()  # a page that was not finished leaves nothing
    assert not list((session.project.folder / "reports").glob(".*")) and section.keep is not None
    (data / "broken.png").write_bytes(b"no picture any more")
    shown = blocks(report.to_html())["map-pictures"]
    assert isinstance(shown, dict)
    assert 7 <= len(shown) <= 8 and all(uri.startswith("data:image/jpeg;base64,") for uri in shown.values())

    # the next report takes them from the first, unless they are damaged or no pictures
    before = len(read)
    assert blocks(report.to_html())["map-pictures"] == shown and len(read) <= before + 1
    kept = section.keep / "pictures.txt"
    kept.write_bytes(kept.read_bytes().replace(b"data:image/jpeg", b'"</script>data:"'))
    seal(section.keep)
    before = len(read)
    assert blocks(report.to_html())["map-pictures"] == shown and len(read) >= before + 7
    kept.write_bytes(b"cut")
    assert blocks(report.to_html())["map-pictures"] == shown


def test_json_in_a_page_cannot_end_its_element() -> None:
    told = str(as_json({EVIL: [EVIL, "\ud800", "\u2028"]}))
    assert not set("<>&%\u2028") & set(told)
    assert json.loads(told) == {EVIL: [EVIL, "\ud800", "\u2028"]}
