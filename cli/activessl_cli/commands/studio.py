"""``activessl studio``: a Label Studio server on this machine, for those who have none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from activessl_cli import render
from activessl_cli.next_step import next_of
from activessl_cli.options import HERE, JsonOption, ProjectOption

if TYPE_CHECKING:
    from collections.abc import Callable

    from activessl_label_studio.studio import StudioInfo

app = typer.Typer(help="A Label Studio server that only this machine can reach.", no_args_is_help=True)

PortOption = Annotated[
    int | None, typer.Option(min=1, max=65535, help="The port; by default that of the last start, or a free one.")
]
DatabaseOption = Annotated[
    str | None,
    typer.Option(
        envvar="ACTIVESSL_STUDIO_DATABASE",
        show_envvar=True,
        help="postgresql://user:password@host/name; by default that of the last start, at first a file.",
    ),
]


@app.command()
def install(as_json: JsonOption = False) -> None:
    """Install the server into an environment of its own (1 GB, once for all projects), and print the folder."""
    from activessl_label_studio import studio

    folder = studio.environments()
    python = studio.ensure_installed(folder, progress=waiting())
    render.result({"folder": folder, "python": python}, str(folder), as_json=as_json)


@app.command()
def start(
    project: ProjectOption = HERE,
    port: PortOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Start the server, and print how to log in; install it first if it is missing (1 GB, once)."""
    from activessl.project.config import CONFIG_NAME
    from activessl.project.folder import Project
    from activessl_label_studio.process import studio_folder

    folder = studio_folder(project)
    first = not (folder / "data").exists()
    info = launch(folder, port=port, database=database)
    text = f"Label Studio runs at {info.url}\nlog in as {info.email}"
    if first:
        text += f" with the password {info.password} (printed only once, stored in {folder})"
    render.result({"url": info.url, "email": info.email, "pid": info.pid, "folder": folder}, text, as_json=as_json)
    if (project / CONFIG_NAME).is_file():
        render.following(next_of(Project.open(project)))


@app.command()
def stop(project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """Stop the server; its data are kept."""
    from activessl_label_studio import studio
    from activessl_label_studio.process import studio_folder

    stopped = studio.stop(studio_folder(project))
    render.result(
        {"stopped": stopped}, "the server is stopped" if stopped else "the server was not running", as_json=as_json
    )


@app.command()
def status(project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """Print whether the server runs, and its address."""
    from activessl_label_studio import studio
    from activessl_label_studio.process import studio_folder

    info = studio.status(studio_folder(project))
    render.result(
        {"running": info is not None, "url": info.url if info else None, "pid": info.pid if info else None},
        f"Label Studio runs at {info.url} (process {info.pid})" if info else "the server does not run",
        as_json=as_json,
    )


def launch(folder: Path, *, port: int | None = None, database: str | None = None) -> StudioInfo:
    """Install and start the server, and print the progress."""
    from activessl_label_studio import studio

    return studio.start(folder, environment=studio.environments(), port=port, database=database, progress=waiting())


def waiting() -> Callable[[str, float], None]:
    """Return a function that prints each stage once, then again every 20 seconds."""
    told: dict[str, float] = {}

    def tell(message: str, seconds: float) -> None:
        if message not in told or seconds - told[message] >= 20:
            told[message] = seconds
            render.story(f"{message} ({render.duration(seconds)})" if seconds >= 1 else message)

    return tell
