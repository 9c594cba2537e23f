"""The wheel holds what the packages need, and nothing that would be in anybody's way."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return next(out.glob("*.whl"))


def test_the_wheel_has_seven_packages_and_nothing_called_cli_or_integrations(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/")[0] for name in archive.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "activessl",
        "activessl_cli",
        "activessl_label_studio",
        "activessl_machines",
        "activessl_mlflow",
        "activessl_modal",
        "activessl_ray",
    }


def test_the_wheel_carries_its_data_and_its_types(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    roots = ("activessl/", "cli/activessl_cli/", "integrations/activessl_")
    wanted = {f.removeprefix("cli/").removeprefix("integrations/") for f in tracked if f.startswith(roots)}
    assert wanted - names == set()
    assert {"activessl/py.typed", "activessl_cli/demo_data/NOTICE", "activessl_cli/demo_data/fashion.parquet"} <= names


def test_the_installed_wheel_runs_outside_the_checkout(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    env = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    code = "import activessl_cli.main as m, activessl; print(m.__file__); m.main(['simulate', '--help'])"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(tmp_path / "site"))
    assert "--budgets" in done.stdout
