"""The loop of README.md, as it stands there, with a server and a person who labels."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from conftest import Place
from made_up import PERFECT
from PIL import Image

from activessl import Session
from activessl_label_studio import ScriptedAnnotator, StudioInfo
from activessl_label_studio.studio import served_root

ROOT = Path(__file__).parents[2]
CLASSES = ("scratch", "dent", "good")


def _photos(folder: Path) -> dict[str, str]:
    """Thirty pictures of three kinds, and what a person sees in each."""
    rng, folder = np.random.default_rng(0), folder / "photos"
    folder.mkdir()
    truth = {}
    for i in range(30):
        pixels = rng.integers(0, 60, (16, 16, 3), dtype=np.uint8)
        if i % 3 == 0:
            pixels[::4] += 150
        elif i % 3 == 1:
            pixels[4:12, 4:12] += 150
        Image.fromarray(pixels).save(folder / f"{i:02}.png")
        truth[f"{i:02}.png"] = CLASSES[i % 3]
    return truth


@pytest.mark.parametrize("server", ["named", "of the project"])
def test_the_loop_of_the_readme_runs(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], server: str
) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.M | re.S)
    (loop,) = [block for block in blocks if "LABEL_STUDIO_URL" in block]
    assert loop.count("\n") <= 16
    truth = _photos(tmp_path)
    monkeypatch.chdir(tmp_path)
    if server == "named":
        monkeypatch.setenv("LABEL_STUDIO_URL", place.url)
        monkeypatch.setenv("LABEL_STUDIO_API_KEY", place.token)
    else:
        if place.fake is None:
            pytest.skip("the real server is not that of this project")
        # as README.md says: without `people`; the server of the project is the running one
        loop = re.sub(r"^people = .*\n", "", loop, flags=re.M).replace("(people)", "()")
        assert "people" not in loop and "session.push()" in loop and "session.wait()" in loop
        monkeypatch.delenv("LABEL_STUDIO_API_KEY", raising=False)
        root = served_root(tmp_path / "scratches" / "studio")
        running = StudioInfo(place.url, place.email, place.token, 1, root / "log", place.password, root)
        monkeypatch.setattr("activessl_label_studio.server.status", lambda folder: running)

    def people_label(_seconds: float) -> None:
        """While the loop waits, a person labels all that is offered."""
        current = Session.open("scratches").project.history().open_round
        assert current is not None
        number = int(current.pushed[-1].project)
        person = ScriptedAnnotator(place.url, place.email, place.password, number, truth, habits=PERFECT)
        person.work(len(current.items))
        person.close()

    monkeypatch.setattr("activessl.session.time.sleep", people_label)
    exec(compile(loop, "README.md", "exec", dont_inherit=True), {"__name__": "readme"})

    history = Session.open("scratches").project.history()
    assert [round_.closed is not None for round_ in history.rounds] == [True, True]
    assert {item: label.classes[0] for item, label in history.labels.items()} == truth
    assert Session.open("scratches").report().labels == 30
    said = capsys.readouterr()
    assert place.token not in said.out + said.err
    assert "scratch" in (tmp_path / "report.html").read_text(encoding="utf-8")
