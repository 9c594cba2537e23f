"""Sign in as a browser does: with an address and a password, which give a session cookie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from activessl.errors import AnnotatorDenied, AnnotatorUnreachable

if TYPE_CHECKING:
    import httpx

__all__ = ["sign_in"]


def sign_in(url: str, email: str, password: str, *, timeout: float = 30.0, transport: Any = None) -> httpx.Client:
    """Open the session of a person.

    Args:
        url: The server's address.
        email: The person's address.
        password: The person's password.
        timeout: Seconds that a request may take.
        transport: An httpx transport that replaces the default, for tests.

    Returns:
        A client whose cookies and CSRF header are those of the signed-in person. The caller closes it.

    Raises:
        AnnotatorUnreachable: Nothing answers at the address.
        AnnotatorDenied: The address or the password is wrong.
    """
    import httpx

    url = url.rstrip("/")
    near = urlsplit(url).hostname in ("127.0.0.1", "::1", "localhost")
    person = httpx.Client(
        base_url=url,
        timeout=timeout,
        # on a kept-alive connection each answer of Label Studio's own server is 40 ms late (delayed acknowledgement)
        limits=httpx.Limits(max_keepalive_connections=0) if near else httpx.Limits(),
        headers={"Referer": url},
        trust_env=not near,
        transport=transport,
    )
    try:
        person.get("/user/login/")
        form = {
            "email": email,
            "password": password,
            "persist_session": "on",
            "csrfmiddlewaretoken": person.cookies.get("csrftoken") or "",
        }
        answer = person.post("/user/login/", data=form)
        signed_in = answer.is_redirect and "/user/login" not in answer.headers.get("location", "")
        problem = None
    except httpx.HTTPError as error:
        signed_in, problem = False, type(error).__name__
    if not signed_in:
        person.close()
        if problem:
            raise AnnotatorUnreachable(f"nothing answers at {url} ({problem})", hint="start Label Studio first")
        raise AnnotatorDenied(
            f"{url} refuses the login of {email}", hint="check the address and the password of the Label Studio user"
        )
    person.headers["X-CSRFToken"] = person.cookies.get("csrftoken") or ""
    return person
