"""``activessl serve``: the loop as a service beside Label Studio."""

from __future__ import annotations

import ipaddress
from typing import Annotated

import typer

from activessl_cli import render
from activessl_cli.options import HERE, ProjectOption

HostOption = Annotated[str, typer.Option(help="The address to listen at; by default this machine only.")]
PortOption = Annotated[int, typer.Option(min=1, max=65535, help="The port to listen at.")]
UrlOption = Annotated[str | None, typer.Option(help="How Label Studio reaches this service, for its webhooks.")]
EveryOption = Annotated[float, typer.Option(min=0.5, help="Seconds between two looks where no webhook comes.")]
LowOption = Annotated[int, typer.Option(min=0, help="Open the next round when so few items are unanswered.")]


def serve(
    project: ProjectOption = HERE,
    host: HostOption = "127.0.0.1",
    port: PortOption = 9090,
    public_url: UrlOption = None,
    every: EveryOption = 30.0,
    low: LowOption = 2,
) -> None:
    """Label Studio's webhooks and ML backend, and a worker that pulls, teaches and opens rounds while people label."""
    from activessl.errors import AnnotatorError
    from activessl.project.annotators import annotator_of
    from activessl.session import Session
    from activessl_label_studio.annotator import LabelStudioAnnotator
    from activessl_label_studio.service import Service, keep_secret, register_hook
    from activessl_label_studio.web import make_app, run_server
    from activessl_label_studio.worker import Worker

    session = Session.open(project)
    people = annotator_of(session.project)
    secret = keep_secret(session.project.folder)
    address = f"{(public_url or f'http://{_within_reach(host)}:{port}').rstrip('/')}/webhook"

    called: set[int] = set()

    def ask_to_be_called() -> None:
        if not isinstance(people, LabelStudioAnnotator):
            return
        for number in set(people.projects) - called:  # groups have a project of their own, made by their first push
            called.add(number)
            try:
                register_hook(people.client, number, address, secret)
            except AnnotatorError as error:
                render.story(f"no webhook: {error.message}; answers are read every {every:g} s")

    worker = Worker(session, people, every=every, low=low, tell=render.story, met=ask_to_be_called)
    service = Service(worker, secret)
    make_app(service)  # a missing package is named before anything is pushed
    render.story(f"answering at http://{host}:{port}; stop it with Ctrl-C, nothing is lost")
    run_server(service, host, port)


def _within_reach(host: str) -> str:
    """The address by which this machine itself reaches a host that it listens at."""
    try:
        return "127.0.0.1" if ipaddress.ip_address(host).is_unspecified else host
    except ValueError:
        return host
