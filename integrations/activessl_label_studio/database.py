"""The database of an embedded server: a file of its own, or a PostgreSQL that a team has."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from activessl.errors import AnnotatorError, AnnotatorUnreachable

__all__ = ["Database", "read_database"]


@dataclass(frozen=True, slots=True)
class Database:
    """A PostgreSQL database. Its password is left out of ``repr``.

    Attributes:
        host: Where the server listens.
        port: Its port.
        name: The database, which Label Studio fills with its tables.
        user: Who owns it.
        password: The user's password; may be empty where the server trusts its neighbours.
    """

    host: str
    port: int
    name: str
    user: str
    password: str = field(repr=False)

    @property
    def where(self) -> str:
        """The same database has the same address, whoever opens it."""
        return f"{self.host}:{self.port}/{self.name}"

    def environment(self) -> dict[str, str]:
        """The variables through which Label Studio is told of it."""
        return {
            "DJANGO_DB": "default",
            "POSTGRE_HOST": self.host,
            "POSTGRE_PORT": str(self.port),
            "POSTGRE_NAME": self.name,
            "POSTGRE_USER": self.user,
            "POSTGRE_PASSWORD": self.password,
        }

    def check(self, *, timeout: float = 10.0) -> None:
        """Make sure that something answers there, before Label Studio ends with a page of Python.

        Raises:
            AnnotatorUnreachable: Nothing does.
        """
        try:
            socket.create_connection((self.host, self.port), timeout=timeout).close()
        except OSError as error:
            raise AnnotatorUnreachable(
                f"no PostgreSQL answers at {self.host}:{self.port} ({error.strerror or error})",
                hint="start it, or correct the address",
            ) from None


def read_database(url: str) -> Database:
    """Read an address such as ``postgresql://user:password@host:5432/name``.

    Raises:
        AnnotatorError: It is not one of a PostgreSQL database; the message never has the password.

    Example:
        >>> read_database("postgresql://ann:p%40ss@db.example/labels")
        Database(host='db.example', port=5432, name='labels', user='ann')
        >>> read_database("mysql://ann:secret@db.example/labels")
        Traceback (most recent call last):
        activessl.errors.AnnotatorError: the address of the database is not postgresql://user:password@host:port/name
         hint: give one of that form, or leave it out: then the data lie in a file
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port or 5432
    except ValueError:  # its message quotes the address, password and all
        parts, port = urlsplit(""), 0
    name = unquote(parts.path.lstrip("/"))
    if parts.scheme not in ("postgresql", "postgres") or not parts.hostname or not parts.username or not name:
        raise AnnotatorError(
            "the address of the database is not postgresql://user:password@host:port/name",
            hint="give one of that form, or leave it out: then the data lie in a file",
        )
    return Database(parts.hostname, port, name, unquote(parts.username), unquote(parts.password or ""))
