"""What opens a door is never shown."""

from __future__ import annotations

import pytest

from activessl_label_studio.client import scrub, token_kind

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJ0b2tlbl90eXBlIjoicmVmcmVzaCJ9.c2lnbmF0dXJlLW9mLXRoaXM"
LEGACY = "0123456789ABCDEF0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"Authorization: Bearer {JWT}", JWT),
        (f"said {JWT!r} to it", JWT),
        (f"{JWT.rpartition('.')[0]} without a signature", JWT.split(".")[1]),
        (f"Token {LEGACY} was refused", LEGACY),
        (f"'{LEGACY}'", LEGACY),
        ("Set-Cookie: sessionid=abcdef123; path=/", "abcdef123"),
        ("csrftoken=abcdef123", "abcdef123"),
        ("http://ann:hunter2@host:8080/x", "hunter2"),
        ("password: hunter2", "hunter2"),
        ("Basic YW5uOmh1bnRlcjI=", "YW5uOmh1bnRlcjI="),
    ],
)
def test_a_secret_is_taken_out_of_any_text(text: str, secret: str) -> None:
    assert secret not in scrub(text)


def test_our_own_token_is_taken_out_whatever_its_form() -> None:
    assert scrub("it was pa$$ word, twice: pa$$ word", "pa$$ word") == "it was ***, twice: ***"
    assert scrub("unharmed", "") == "unharmed"


def test_what_is_no_secret_stays() -> None:
    text = "project 17 has no class 'token', see http://host:8080/projects/17 at 2026-01-01T00:00:00.000000Z"
    assert scrub(text) == text


@pytest.mark.parametrize(
    ("token", "kind"),
    [(JWT, "personal"), (LEGACY, "legacy"), ("a.b.c", "legacy"), ("é.é.é", "legacy"), ("", "legacy")],
)
def test_the_kind_of_a_token_is_told_by_its_form(token: str, kind: str) -> None:
    assert token_kind(token) == kind
