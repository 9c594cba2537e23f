"""A Label Studio server as the annotator of a project: address, token and project."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from activessl.annotators.base import Offer
from activessl.errors import AnnotatorDenied, AnnotatorUnreachable
from activessl_label_studio.annotator import LabelStudioAnnotator, LabelStudioConfig
from activessl_label_studio.client import check_address
from activessl_label_studio.mapping import project_name
from activessl_label_studio.process import studio_folder
from activessl_label_studio.studio import check_serves_items_only, status

if TYPE_CHECKING:
    from activessl.ledger.history import History
    from activessl.project.folder import Project


@dataclass(frozen=True, slots=True)
class LabelStudio:
    """A Label Studio server. ``session.push(LabelStudio(url, token))`` asks its people.

    Title, tabs and media mode are those of the project's ``activessl.toml``. The server of ``activessl studio start``
    needs no object: ``session.push()`` finds it and its token.

    Args:
        url: The server's address, such as "https://labels.example.com".
        token: A personal access token or a legacy token; left out of ``repr``.
        document_root: The folder that the server may serve files from; None if it is not known.

    Example:
        >>> LabelStudio("https://labels.example.com", "secret")
        LabelStudio(url='https://labels.example.com', document_root=None)
    """

    url: str
    token: str = field(repr=False)
    document_root: Path | None = None

    def annotator(self, project: Project) -> LabelStudioAnnotator:
        """Return the annotator of a project; it finds the Label Studio project that an earlier push made.

        Raises:
            AnnotatorDenied: The token is empty.
            AnnotatorError: The token is empty, and the address is not that of a Label Studio server.
        """
        if not self.token.strip():
            check_address(self.url)
            raise AnnotatorDenied(f"no token for {self.url}", hint="copy a token from the server's Account & Settings")
        config, settings, history = project.config, project.config.annotator, project.history()
        number, made = _pushed_to(history, self.url)
        clusters, clusters_made = _pushed_to(history, self.url, clusters=True)
        return LabelStudioAnnotator(
            LabelStudioConfig(
                url=self.url,
                token=self.token,
                project=settings.project or number,
                made=None if settings.project else made,
                title=settings.title,
                classes=config.data.classes,
                modality=config.data.modality,
                label_kind=config.data.kind,
                media=settings.media,
                tabs=settings.tabs,
                document_root=self.document_root,
                clusters=clusters,
                clusters_made=clusters_made,
                offer=_known_offer(history, number, made),
                naming=history.naming,
                task=config.data.task,
                control=settings.control,
            ),
            known=lambda: project.history().answers,
            known_pool=project.pool,
            known_clusters=lambda: _pushed_to(project.history(), self.url, clusters=True),
        )


def server_of(project: Project) -> LabelStudio:
    """Return the server that a project's config names, else the one that ``activessl studio start`` started.

    Raises:
        AnnotatorDenied: The token is missing.
        AnnotatorError: The embedded server serves more than pushed items, or there is no token, and the address is not
            that of a Label Studio server.
        AnnotatorUnreachable: The config names no server, and the embedded server does not run; or there is no token,
            and nothing answers at the address.
    """
    settings = project.config.annotator
    if settings.url is not None:
        token = os.environ.get(settings.token_env, "")
        if not token:
            check_address(settings.url)
            raise AnnotatorDenied(
                f"no token for {settings.url}: the environment variable {settings.token_env} is not set",
                hint=f"copy a token from the server's Account & Settings, then: export {settings.token_env}=…",
            )
        return LabelStudio(settings.url, token)
    running = status(studio_folder(project.folder))
    if running is None:
        raise AnnotatorUnreachable(
            "activessl.toml names no Label Studio server, and the server of `activessl studio start` does not run",
            hint="run `activessl studio start`, or set annotator.url in activessl.toml",
        )
    check_serves_items_only(studio_folder(project.folder), running)
    return LabelStudio(running.url, running.token, running.document_root)


def _pushed_to(history: History, url: str, *, clusters: bool = False) -> tuple[int | None, str | None]:
    """Return the number of the Label Studio project that an earlier push used on this server, and when it was made."""
    rounds = [r for r in history.rounds if r.confirms == clusters]
    found = [p for r in rounds for p in r.pushed if p.where.startswith(url.rstrip("/") + "/")]
    if not found or not found[-1].project.isdigit():
        return None, None
    return int(found[-1].project), found[-1].made or None


def _known_offer(history: History, number: int | None, made: str | None) -> Offer | None:
    """Return the classes of that project at the last push or pull."""
    name = project_name({"id": number, "created_at": made})
    return Offer(name, history.choice.last[name]) if name in history.choice.last else None
