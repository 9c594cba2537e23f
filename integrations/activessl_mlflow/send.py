"""Write a project into an MLflow tracking server; repeating it adds only what is new."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from activessl.errors import ConfigError, ProjectError
from activessl.reports.tracked import Tracked

__all__ = ["Sent", "send"]

#: The tag by which the run of a project is found again.
_TAG = "activessl.project"
#: MLflow's own variable, used where no address is given.
_VARIABLE = "MLFLOW_TRACKING_URI"
#: A server that does not answer is told within seconds: MLflow would try again for minutes.
_PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "30"}
#: The longest value of a parameter.
_LONGEST = 6_000


@dataclass(frozen=True, slots=True)
class Sent:
    """What was written.

    Attributes:
        where: The address of the server, without a password.
        experiment: The name of the experiment: the title of the project.
        run: The id of the run.
        figures: Figures that were new there.
        made: Whether this call made the run.
    """

    where: str
    experiment: str
    run: str
    figures: int
    made: bool


def send(tracked: Tracked, address: str | None = None) -> Sent:
    """Write settings, figures and the report into the run of the project, which the first call makes.

    Args:
        tracked: The project.
        address: The server, such as "http://127.0.0.1:5000"; by default that of MLFLOW_TRACKING_URI.

    Raises:
        ConfigError: mlflow is not installed, or there is no address.
        ProjectError: The server cannot be reached, or refuses.
    """
    where = address or os.environ.get(_VARIABLE, "")
    if not where:
        raise ConfigError("no address of an MLflow server", hint=f"pass --tracking URL, or set {_VARIABLE}")
    if urlsplit(where).scheme not in ("http", "https"):
        raise ConfigError(
            f"{_shown(where)} is not the address of a server",
            hint="start one with `mlflow server`, and pass its address, such as http://127.0.0.1:5000",
        )
    for name, value in _PATIENCE.items():
        os.environ.setdefault(name, value)
    try:
        mlflow = import_module("mlflow")
    except ImportError:
        raise ConfigError("mlflow is not installed", hint="run: pip install 'activessl[mlflow]'") from None
    try:
        with contextlib.redirect_stdout(sys.stderr):  # the client prints addresses
            return _send(mlflow.MlflowClient(where), tracked, _shown(where))
    except mlflow.exceptions.MlflowException as error:
        said = " ".join(str(error).split()).replace(where, _shown(where))
        raise ProjectError(
            f"MLflow at {_shown(where)}: {said[:300]}", hint="check that the server runs and that you may write there"
        ) from None


def _send(client: Any, tracked: Tracked, where: str) -> Sent:
    found = client.get_experiment_by_name(tracked.title)
    experiment = client.create_experiment(tracked.title) if found is None else found.experiment_id
    mark = re.sub(r"[^\w :.+-]", "_", tracked.project)  # within the quotes of a filter
    runs = client.search_runs([experiment], f"tags.`{_TAG}` = '{mark}'", max_results=1)
    made = not runs
    run = client.create_run(experiment, tags={_TAG: mark}, run_name=tracked.title) if made else runs[0]
    number = run.info.run_id
    _set(client, run, tracked)
    new = _add(client, number, tracked)
    with tempfile.TemporaryDirectory() as folder:
        tracked.report.save(Path(folder))
        for file in ("report.html", "report.json"):
            client.log_artifact(number, str(Path(folder) / file))
    client.set_terminated(number)
    return Sent(where, tracked.title, number, new, made)


def _set(client: Any, run: Any, tracked: Tracked) -> None:
    """Set the settings: parameters of MLflow never change, so what has changed since is a tag with its new value."""
    there: dict[str, str] = run.data.params
    for name, value in tracked.settings.items():
        key, text = re.sub(r"[^\w ./-]", "_", name), value[:_LONGEST]
        if key not in there:
            client.log_param(run.info.run_id, key, text)
        elif there[key] != text:
            client.set_tag(run.info.run_id, f"now.{key}", text)


def _add(client: Any, run: str, tracked: Tracked) -> int:
    """Add the figures that the run does not have; return how many there were."""
    metric = import_module("mlflow.entities").Metric
    there: set[tuple[Any, ...]] = set()
    for name in {figure.name for figure in tracked.figures}:
        there |= {(name, m.step, m.timestamp, m.value) for m in client.get_metric_history(run, name)}
    told = [(figure, round(figure.at.timestamp() * 1000)) for figure in tracked.figures]
    new = [
        metric(figure.name, figure.value, stamp, figure.step)
        for figure, stamp in told
        if (figure.name, figure.step, stamp, figure.value) not in there
    ]
    for start in range(0, len(new), 500):
        client.log_batch(run, metrics=new[start : start + 500])
    return len(new)


def _shown(address: str) -> str:
    """An address without user and password."""
    parts = urlsplit(address)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if "@" in address else address
