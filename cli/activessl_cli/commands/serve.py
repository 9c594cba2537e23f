"""``activessl serve``: run the loop as a service beside Label Studio."""

from __future__ import annotations

import ipaddress
import os
from typing import Annotated

import typer

from activessl_cli import render
from activessl_cli.options import HERE, ProjectOption

HostOption = Annotated[str, typer.Option(help="The address to listen at; by default this machine only.")]
PortOption = Annotated[int, typer.Option(min=1, max=65535, help="The port to listen at.")]
UrlOption = Annotated[
    str | None, typer.Option(help="The address by which Label Studio reaches this service, for webhooks.")
]
EveryOption = Annotated[float, typer.Option(min=0.5, help="Seconds between two pulls if no webhook comes.")]
LowOption = Annotated[
    int, typer.Option(min=0, help="Open the next round when this many items or fewer are unanswered.")
]


def serve(
    project: ProjectOption = HERE,
    host: HostOption = "127.0.0.1",
    port: PortOption = 9090,
    public_url: UrlOption = None,
    every: EveryOption = 30.0,
    low: LowOption = 2,
) -> None:
    """Pull, teach and open rounds while people label; answer Label Studio's webhooks and ML backend requests."""
    from activessl.errors import AnnotatorError, ConfigError
    from activessl.project.annotators import annotator_of
    from activessl.session import Session
    from activessl_label_studio.annotator import LabelStudioAnnotator
    from activessl_label_studio.live.access import Access
    from activessl_label_studio.live.desk import Desk
    from activessl_label_studio.service import Service, keep_secret, register_hook
    from activessl_label_studio.web import make_app, run_server
    from activessl_label_studio.worker import Worker

    session = Session.open(project)
    people = annotator_of(session.project)
    secret = keep_secret(session.project.folder)
    address = f"{(public_url or f'http://{_within_reach(host)}:{port}').rstrip('/')}/webhook"

    called: set[int] = set()

    def register_webhooks() -> None:
        if not isinstance(people, LabelStudioAnnotator):
            return
        # clusters have a project of their own, which their first push makes
        for number in set(people.projects) - called:
            called.add(number)
            try:
                register_hook(people.client, number, address, secret)
            except AnnotatorError as error:
                render.story(f"webhook not registered: {error.message}; answers are pulled every {every:g} s")

    worker = Worker(session, people, every=every, low=low, tell=render.story, met=register_webhooks)
    service = Service(worker, secret)
    token = keep_secret(session.project.folder, "page")
    if len(token) < 16:
        raise ConfigError(f"ACTIVESSL_PAGE_SECRET has only {len(token)} characters", hint="use at least 16 random ones")
    desk = Desk(worker, Access(token, secure=(public_url or "").startswith("https://")))
    make_app(service, desk)  # report a missing package before anything is pushed
    render.story(f"the service runs at http://{host}:{port}; stop it with Ctrl-C, start it again at any time")
    where = (
        "ACTIVESSL_PAGE_SECRET" if os.environ.get("ACTIVESSL_PAGE_SECRET") else session.project.folder / "page.secret"
    )
    render.story(f"live page: {address.removesuffix('webhook')}; its token is in {where}")
    run_server(service, host, port, desk)


def _within_reach(host: str) -> str:
    """Return the address by which this machine reaches a host that it listens at."""
    try:
        return "127.0.0.1" if ipaddress.ip_address(host).is_unspecified else host
    except ValueError:
        return host
