"""Which annotator a project means, with whose token, and where the embedded server keeps its things."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from activessl.errors import AnnotatorDenied, AnnotatorUnreachable

if TYPE_CHECKING:
    from activessl.annotators.base import Annotator, Offer
    from activessl.ledger.history import History
    from activessl.project.folder import Project


def annotator(project: Project) -> Annotator:
    """The people who label this project.

    Raises:
        AnnotatorDenied: No token.
        AnnotatorError: The embedded server serves more than pushed items.
        AnnotatorUnreachable: No server is named and the embedded one does not run.
    """
    from activessl_label_studio.annotator import LabelStudioAnnotator, LabelStudioConfig
    from activessl_label_studio.studio import check_serves_items_only, status

    settings = project.config.annotator
    token = os.environ.get(settings.token_env, "")
    url, root = settings.url, None
    if url is None:
        running = status(studio_folder(project.folder))
        if running is None:
            raise AnnotatorUnreachable(
                "no Label Studio server is named in activessl.toml and none was started here",
                hint="run `activessl studio start`, or set annotator.url in activessl.toml",
            )
        check_serves_items_only(studio_folder(project.folder), running)
        url, token, root = running.url, running.token, running.document_root
    if not token:
        raise AnnotatorDenied(
            f"no token for {url}: the environment variable {settings.token_env} is not set",
            hint=f"copy a token from the server's Account & Settings, then: export {settings.token_env}=…",
        )
    config = project.config
    history = project.history()
    (number, made), (clusters, clusters_made) = (
        _known_project(history, url, clusters=which) for which in (False, True)
    )
    return LabelStudioAnnotator(
        LabelStudioConfig(
            url=url,
            token=token,
            project=settings.project or number,
            made=None if settings.project else made,
            title=settings.title,
            classes=config.data.classes,
            modality=config.data.modality,
            label_kind=config.data.kind,
            media=settings.media,
            tabs=settings.tabs,
            document_root=root,
            clusters=clusters,
            clusters_made=clusters_made,
            offer=_known_offer(history, number, made),
        ),
        known=lambda: project.history().answers,
        known_clusters=lambda: _known_project(project.history(), url, clusters=True),
    )


def _known_project(history: History, url: str, *, clusters: bool) -> tuple[int | None, str | None]:
    """The Label Studio project that an earlier push made on this server, and when; of single items, or of clusters."""
    rounds = [r for r in history.rounds if r.confirms == clusters]
    found = [p for r in rounds for p in r.pushed if p.where.startswith(url.rstrip("/") + "/")]
    if not found or not found[-1].project.isdigit():
        return None, None
    return int(found[-1].project), found[-1].made or None


def _known_offer(history: History, number: int | None, made: str | None) -> Offer | None:
    """Which classes that project offered when it was last looked at."""
    from activessl.annotators.base import Offer
    from activessl_label_studio.mapping import project_name

    name = project_name({"id": number, "created_at": made})
    return Offer(name, history.choice.last[name]) if name in history.choice.last else None


def studio_folder(project: Path) -> Path:
    """Where the embedded server of a project keeps its data."""
    return project / "studio"


def environments() -> Path:
    """Where the embedded server is installed: once for all projects of this user."""
    given = os.environ.get("ACTIVESSL_STUDIO_DIR")
    if given:
        return Path(given)
    from platformdirs import user_cache_path

    return user_cache_path("activessl") / "label-studio"
