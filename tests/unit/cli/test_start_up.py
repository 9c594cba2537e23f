"""What a verb imports, which is most of the time that a short one takes: a heavy import that creeps back fails here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from activessl.annotators.oracle import Oracle
from activessl.project.folder import Project
from activessl.session import Session
from activessl_cli.main import main

CLASSES = ("left", "right", "up")

#: Each takes from a twentieth of a second to more than one.
HEAVY = (
    "asyncio",
    "faiss",
    "jaxtyping",
    "label_studio_sdk",
    "matplotlib",
    "numpy",
    "pandas",
    "PIL",
    "pyarrow",
    "scipy",
    "sklearn",
    "sqlalchemy",
    "torch",
)
#: Also where heads are taught and items chosen.
NEVER = ("jinja2", "label_studio_sdk", "matplotlib", "pandas", "scipy.stats", "sklearn", "sqlalchemy", "torch")

RUN = """
import sys
from activessl_cli.main import main
try:
    main(sys.argv[2:])
except SystemExit as stop:
    assert not stop.code, stop.code
print()
print([name for name in sys.argv[1].split(",") if name in sys.modules])
"""


def heavy(names: tuple[str, ...], *argv: str) -> list[str]:
    """Which of these modules a verb imports, in a process of its own."""
    command = [sys.executable, "-c", RUN, ",".join(names), *argv]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1].replace("'", '"'))


def verb(*argv: str) -> None:
    with pytest.raises(SystemExit) as stop:
        main(list(argv))
    assert not stop.value.code


@pytest.fixture(params=[False, True], ids=["random labels", "test data"])
def answered(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A project whose second round is answered, and not taught yet."""
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=150)
    vectors = (4 * np.eye(3, 8)[labels] + rng.normal(size=(150, 8))).astype(np.float32)
    np.savez(tmp_path / "pool.npz", vectors=vectors[:120])
    np.savez(tmp_path / "test.npz", vectors=vectors[120:], labels=labels[120:], class_names=np.array(CLASSES))
    test = ("--test", str(tmp_path / "test.npz")) if request.param else ()
    project = tmp_path / "p"
    verb("init", str(tmp_path / "pool.npz"), "-p", str(project), "--classes", ",".join(CLASSES), *test)
    text = (project / "activessl.toml").read_text().replace("random_share = 0.1", "random_share = 0.5")
    (project / "activessl.toml").write_text(text)
    session = Session(Project.open(project))
    session.encode()
    people = Oracle({f"pool:{i}": CLASSES[k] for i, k in enumerate(labels[:120])}, CLASSES)
    session.round(people)
    session.query()
    session.push(people)
    session.pull(people)
    return project


def test_help_imports_nothing_heavy() -> None:
    assert heavy((*HEAVY, "pydantic", "rich", "tomlkit"), "--help") == []


@pytest.mark.slow
def test_status_says_what_teach_measured_and_imports_nothing_for_it(
    answered: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at = ("-p", str(answered))
    assert heavy(NEVER, "teach", *at) == []
    kept = answered / "reports" / "evidence.json"
    measured = kept.read_bytes()
    assert heavy(HEAVY, "status", *at) == []
    # a round that was just opened says nothing new of the model
    assert heavy(NEVER, "query", *at) == []
    assert heavy(HEAVY, "status", *at) == []
    assert kept.read_bytes() == measured

    # and it is what would be measured now
    capsys.readouterr()
    verb("status", *at, "--json")
    told = json.loads(capsys.readouterr().out)
    kept.unlink()
    verb("status", *at, "--json")
    assert json.loads(capsys.readouterr().out) == told
    assert told["accuracy"]["labels"] >= 10 and told["saved"] is not None and len(told["by_class"]) == 3


@pytest.mark.slow
def test_status_of_a_project_that_has_no_labels_yet_imports_nothing_heavy(answered: Path) -> None:
    again = answered.with_name("q")
    verb("init", str(answered.with_name("pool.npz")), "-p", str(again), "--classes", ",".join(CLASSES))
    assert heavy(HEAVY, "status", "-p", str(again)) == []
    Session.open(again).encode()
    assert heavy(HEAVY, "status", "-p", str(again)) == []
