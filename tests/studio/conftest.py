"""What several tests against a real server need."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import httpx
import pytest

from activessl_label_studio import StudioInfo, connect


@pytest.fixture
def colleagues(server: StudioInfo) -> Iterator[list[tuple[str, str]]]:
    """Addresses and passwords of two further users, who are gone afterwards."""
    client = connect(server.url, server.token)
    made = []
    for _ in range(2):
        email, password = f"{uuid.uuid4().hex[:8]}@activessl.example", uuid.uuid4().hex
        with httpx.Client(base_url=server.url, headers={"Referer": server.url}) as browser:
            browser.get("/user/signup/", params={"token": client.get("/api/invite")["token"]})
            form = {"email": email, "password": password, "csrfmiddlewaretoken": browser.cookies["csrftoken"]}
            token = client.get("/api/invite")["token"]
            assert browser.post("/user/signup/", params={"token": token}, data=form).is_redirect
        made.append((email, password))
    yield made
    for user in client.get("/api/users/"):
        if user["email"] in {email for email, _ in made}:
            client.delete(f"/api/users/{user['id']}/")
