"""Makes the exports in this folder anew, with a real Label Studio server that `activessl studio start` made:

    python tests/data/label_studio/make.py SERVER_FOLDER

It makes projects, two people label their tasks, and the server's own export writes each as JSON, JSON-MIN, CSV and TSV.
`about.json` has the version of the server and the day. E-mail addresses are replaced; the projects are deleted.
"""

from __future__ import annotations

import json
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from activessl_label_studio import StudioInfo, connect, studio
from activessl_label_studio.client import Client
from activessl_label_studio.login import sign_in

HERE = Path(__file__).parent
FORMATS = {"JSON": "json", "JSON_MIN": "min.json", "CSV": "csv", "TSV": "tsv"}

TEXT, IMAGE = '<Text name="t" value="$text"/>', '<Image name="i" value="$image"/>'
ONE = f'<View>{TEXT}<Choices name="{{name}}" toName="t" choice="single">{{choices}}</Choices></View>'
PICTURE = f'<View>{IMAGE}<Choices name="class" toName="i" choice="single">{{choices}}</Choices></View>'
TREE = (
    f'<View>{TEXT}<Taxonomy name="kind" toName="t"><Choice value="clothes"><Choice value="coat"/>'
    '<Choice value="hat"/></Choice><Choice value="shoes"/></Taxonomy></View>'
)

#: The label config, the data of the tasks, and who labels which of them how.
Content = tuple[str, list[dict[str, Any]], list[tuple[int, str, dict[str, Any]]]]


def choices(*names: str) -> str:
    return "".join(f'<Choice value="{name}"/>' for name in names)


def said(name: str, value: Any, *, kind: str = "choices", to: str = "t") -> dict[str, Any]:
    return {"result": [{"from_name": name, "to_name": to, "type": kind, "value": {kind: value}}], "lead_time": 2.5}


SKIP: dict[str, Any] = {"result": [], "was_cancelled": True, "lead_time": 1.0}
EMPTY: dict[str, Any] = {"result": [], "lead_time": 3.0}


def reviews() -> Content:
    """Ids that are numbers, in another order than the tasks; two people who differ; a skip, an empty submit."""
    config = ONE.format(name="sentiment", choices=choices("good", "bad"))
    tasks = [{"id": 8 - i, "text": f"review {8 - i}, of words"} for i in range(8)]
    given = [
        (1, "ann", said("sentiment", ["good"])),
        (1, "bob", said("sentiment", ["bad"])),
        (2, "ann", said("sentiment", ["bad"])),
        (2, "bob", said("sentiment", ["bad"])),
        (3, "ann", said("sentiment", ["good"])),
        (4, "ann", SKIP),
        (5, "ann", EMPTY),
        (6, "ann", said("sentiment", ["bad"])),
        (6, "bob", said("sentiment", ["good"]) | {"ground_truth": True}),
    ]
    return config, tasks, given


def namesake() -> Content:
    """A key of the data that is called like the control: 3 of 12 tasks are annotated."""
    config = ONE.format(name="label", choices=choices("good", "bad"))
    tasks = [{"text": f"text {i}", "label": "good"} for i in range(12)]
    return config, tasks, [(i, "ann", said("label", ["bad"])) for i in (2, 5, 7)]


def several() -> Content:
    """Two, one and no classes of a task; a skip; three that nobody opened."""
    config = ONE.format(name="aspects", choices=choices("price", "taste", "service")).replace(
        'choice="single"', 'choice="multiple"'
    )
    tasks = [{"text": f"meal {i}"} for i in range(7)]
    given = [
        (1, "ann", said("aspects", ["price", "taste"])),
        (2, "ann", said("aspects", ["service"])),
        (3, "ann", EMPTY),
        (4, "ann", SKIP),
    ]
    return config, tasks, given


def pictures() -> Content:
    """Files of one name in two folders of a bucket."""
    tasks = [{"image": f"s3://bucket/{cam}/frame_{i:03}.png"} for i in range(2) for cam in ("cam1", "cam2")]
    given = [(i, "ann", said("class", [("dark", "light")[i % 2]], to="i")) for i in range(4)]
    return PICTURE.format(choices=choices("dark", "light")), tasks, given


def tree() -> Content:
    """The paths of a taxonomy."""
    tasks = [{"text": f"garment {i}"} for i in range(3)]
    given = [
        (0, "ann", said("kind", [["clothes", "coat"]], kind="taxonomy")),
        (1, "ann", said("kind", [["shoes"], ["clothes", "hat"]], kind="taxonomy")),
    ]
    return TREE, tasks, given


def odd() -> Content:
    """What the server takes from a program: the name of no tag, and a class that is not in a list."""
    config = ONE.format(name="label", choices=choices("good", "bad"))
    tasks = [{"text": f"odd text {i}"} for i in range(4)]
    given = [
        (0, "ann", said("label", ["good"])),
        (1, "ann", said("sentiment", ["good"])),
        (2, "ann", said("label", "bad")),
        (3, "ann", said("label", ["good", "bad"])),
    ]
    return config, tasks, given


def colleague(client: Client, url: str) -> tuple[str, str]:
    email, password = f"{uuid.uuid4().hex[:8]}@activessl.example", uuid.uuid4().hex
    invited = client.get("/api/invite")["token"]
    with httpx.Client(base_url=url, headers={"Referer": url}) as browser:
        browser.get("/user/signup/", params={"token": invited})
        form = {"email": email, "password": password, "csrfmiddlewaretoken": browser.cookies["csrftoken"]}
        assert browser.post("/user/signup/", params={"token": invited}, data=form).is_redirect
    return email, password


def make(server: StudioInfo) -> None:
    client = connect(server.url, server.token)
    bob = colleague(client, server.url)
    desks = {"ann": sign_in(server.url, server.email, server.password), "bob": sign_in(server.url, *bob)}
    for content in (reviews, namesake, several, pictures, tree, odd):
        config, tasks, given = content()
        project = client.post("/api/projects/", {"title": content.__name__, "label_config": config})
        client.patch(f"/api/projects/{project['id']}/", {"enable_empty_annotation": True})
        client.post(f"/api/projects/{project['id']}/import", [{"data": data} for data in tasks])
        page = client.get("/api/tasks", project=project["id"], page_size=100)
        numbers = sorted(task["id"] for task in page["tasks"])
        for at, who, annotation in given:
            answer = desks[who].post(f"/api/tasks/{numbers[at]}/annotations/", json=annotation)
            assert answer.status_code == 201, answer.text
        for form, ending in FORMATS.items():
            wanted = {"exportType": form, "download_all_tasks": "true"}
            text = desks["ann"].get(f"/api/projects/{project['id']}/export", params=wanted).text
            for email, name in ((server.email, "ann"), (bob[0], "bob")):
                text = text.replace(email, f"{name}@example.org")
            (HERE / f"{content.__name__}.{ending}").write_text(text, encoding="utf-8", newline="")
        client.delete(f"/api/projects/{project['id']}/")
    for user in client.get("/api/users/"):
        if user["email"] == bob[0]:
            client.delete(f"/api/users/{user['id']}/")
    about = {"label-studio": client.version, "made": f"{datetime.now(UTC):%Y-%m-%d}"}
    (HERE / "about.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    running = studio.status(Path(sys.argv[1]))
    assert running is not None, "the server does not run: `activessl studio start`"
    make(running)
