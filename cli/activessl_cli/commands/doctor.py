"""``activessl doctor``: faults of the machine, the project and the server, each with a remedy."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from activessl_cli import render
from activessl_cli.options import HERE, JsonOption, ProjectOption

if TYPE_CHECKING:
    from activessl.pool.addresses import Place
    from activessl_label_studio.doctor import Finding


def doctor(project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """Examine the machine, the project and the server, and print a remedy for each fault."""
    findings = [*_machine(), *_project(project)]
    lines = []
    for f in findings:
        lines.append(f"{'ok  ' if f.ok else 'FIX '} {f.what}: {f.found}")
        if not f.ok:
            lines.append(f"     {f.remedy}")
    render.result(findings, "\n".join(lines), as_json=as_json)
    if not all(f.ok for f in findings):
        raise typer.Exit(1)


def _machine() -> Iterator[Finding]:
    import faiss
    import torch
    from threadpoolctl import threadpool_info

    from activessl_label_studio.doctor import Finding

    yield Finding("python", sys.version_info >= (3, 11), platform.python_version(), "install Python 3.11 or newer")
    device = "CUDA" if torch.cuda.is_available() else "MPS" if torch.backends.mps.is_available() else "CPU"
    yield Finding("torch", True, f"{torch.__version__} on {device}, {torch.get_num_threads()} threads")
    yield Finding("faiss", True, f"{faiss.__version__}, {faiss.omp_get_max_threads()} threads")
    for pool in threadpool_info():
        kernel = str(pool.get("architecture", ""))
        if "faiss" in str(pool.get("filepath", "")) and kernel:
            slow = kernel.lower() in ("prescott", "core2", "generic") and platform.machine() == "x86_64"
            yield Finding(
                "faiss's BLAS kernel",
                not slow,
                kernel,
                "this kernel does not fit the processor: export OPENBLAS_CORETYPE=Haswell (or SkylakeX), and faiss is "
                "2 to 3 times faster",
            )


def _data(data: Place, modality: str) -> Finding:
    """Whether the data are there; a store is asked for their names."""
    from activessl.errors import ActiveSSLError
    from activessl.pool.sources import Stamped, open_source
    from activessl_label_studio.doctor import Finding

    if isinstance(data, Path):
        return Finding("data", data.exists(), str(data), "correct data.path in activessl.toml")
    try:
        source = open_source(data, modality)
    except ActiveSSLError as error:
        return Finding("data", False, error.message, error.hint)
    many = f"{len(source):,} items in " if isinstance(source, Stamped) else ""
    return Finding("data", True, f"{many}{data}")


def _project(folder: Path) -> Iterator[Finding]:
    from activessl.errors import ActiveSSLError
    from activessl.project.annotators import annotator_of
    from activessl.project.config import CONFIG_NAME
    from activessl.project.folder import Project
    from activessl.proof.holdout import read_test
    from activessl_label_studio import studio
    from activessl_label_studio.annotator import LabelStudioAnnotator
    from activessl_label_studio.doctor import Finding, examine
    from activessl_label_studio.process import studio_folder

    if not (folder / CONFIG_NAME).is_file():
        yield Finding("project", True, "none in this folder")
        return
    try:
        project = Project.open(folder)
        history = project.history()
        yield Finding("project", True, f"{len(history.rounds)} rounds, {len(history.labels):,} labels")
    except ActiveSSLError as error:
        yield Finding("project", False, error.message, error.hint)
        return
    yield Finding(
        "disk",
        os.access(folder, os.W_OK),
        "writable" if os.access(folder, os.W_OK) else "read-only",
        "make the project folder writable",
    )
    yield _data(project.data, project.own.data.modality)
    if project.test is not None:
        try:
            test = read_test(project.test, project.config.data, project.history().naming, part=project.tests_itself)
            yield Finding("test data", True, f"{len(test.pool):,} items")
        except ActiveSSLError as error:
            yield Finding("test data", False, error.message, error.hint)
    try:
        people = annotator_of(project)
    except ActiveSSLError as error:
        yield Finding("label studio", False, error.message, error.hint)
        return
    if isinstance(people, LabelStudioAnnotator):
        running = studio.status(studio_folder(folder)) if project.config.annotator.url is None else None
        yield from examine(people.config, log=running.log if running else None)
