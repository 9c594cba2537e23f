"""Whatever answers at the address, making a project ends with one error in two lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from activessl.errors import AnnotatorError
from activessl.pool.pool import Pool
from activessl.pool.sources import load_pool
from activessl_label_studio.annotator import LabelStudioConfig
from activessl_label_studio.clusters import open_clusters
from activessl_label_studio.project import names_of
from activessl_label_studio.regions.opening import open_region_project
from activessl_label_studio.training import TrainingAnnotator


class Odd:
    """A server that has no project, and answers a wish for one with anything."""

    url = "http://odd.example"

    def __init__(self, said: Any) -> None:
        self.said = said

    def get(self, path: str, *_: Any, **__: Any) -> Any:
        return self.said if path.startswith("/api/users") else {"results": []}

    def post(self, *_: Any, **__: Any) -> Any:
        return self.said


@pytest.fixture
def pool(tmp_path: Any) -> Pool:
    (tmp_path / "texts").mkdir()
    for i in range(3):
        (tmp_path / "texts" / f"{i}.txt").write_text(f"text {i}")
    return load_pool(tmp_path / "texts", "text")


def regions(client: Any, _: Pool) -> None:
    open_region_project(client, task="spans", number=None, title="odd one", classes=("a",), modality="text")


def clusters(client: Any, _: Pool) -> None:
    open_clusters(client, number=None, made=None, title="odd one", modality="text")


def training(client: Any, pool: Pool) -> None:
    TrainingAnnotator(client, LabelStudioConfig("u", "t", "odd one", ("a", "b"), "text"), 1)._project(pool)


def names(client: Any, _: Pool) -> None:
    names_of(client)


@pytest.mark.parametrize("said", [None, [], "fine", {"id": "7"}, {"detail": "no"}, 7, [7]])
@pytest.mark.parametrize("do", [regions, clusters, training, names])
def test_an_answer_of_another_shape_is_told_with_what_was_asked_for(
    do: Callable[[Any, Pool], None], said: Any, pool: Pool
) -> None:
    if do is names and said == []:
        return  # a server without users answers so
    with pytest.raises(AnnotatorError, match="did not answer with"):
        do(Odd(said), pool)
