"""The PostgreSQL database of an embedded server; without one the server uses a file."""

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
        host: The host of the PostgreSQL server.
        port: The port of the PostgreSQL server.
        name: The database, in which Label Studio creates its tables.
        user: The owner of the database.
        password: The user's password; may be empty if the server needs none.
    """

    host: str
    port: int
    name: str
    user: str
    password: str = field(repr=False)

    @property
    def where(self) -> str:
        """The address without user and password: it is the same for every user."""
        return f"{self.host}:{self.port}/{self.name}"

    def environment(self) -> dict[str, str]:
        """Return the environment variables that Label Studio reads."""
        return {
            "DJANGO_DB": "default",
            "POSTGRE_HOST": self.host,
            "POSTGRE_PORT": str(self.port),
            "POSTGRE_NAME": self.name,
            "POSTGRE_USER": self.user,
            "POSTGRE_PASSWORD": self.password,
        }

    def check(self, *, timeout: float = 10.0) -> None:
        """Check that the server answers: without this, Label Studio ends with a long traceback.

        Raises:
            AnnotatorUnreachable: Nothing answers at the address.
        """
        try:
            socket.create_connection((self.host, self.port), timeout=timeout).close()
        except OSError as error:
            raise AnnotatorUnreachable(
                f"no PostgreSQL answers at {self.host}:{self.port} ({error.strerror or error})",
                hint="start PostgreSQL, or correct the address",
            ) from None


def read_database(url: str) -> Database:
    """Read an address such as ``postgresql://user:password@host:5432/name``.

    Raises:
        AnnotatorError: It is not the address of a PostgreSQL database; the message never has the password.

    Example:
        >>> read_database("postgresql://ann:p%40ss@db.example/labels")
        Database(host='db.example', port=5432, name='labels', user='ann')
        >>> read_database("mysql://ann:secret@db.example/labels")
        Traceback (most recent call last):
        activessl.errors.AnnotatorError: the address of the database is not postgresql://user:password@host:port/name
         hint: give an address of that form, or leave it out to use a file
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port or 5432
    except ValueError:  # the message of the ValueError contains the address with the password
        parts, port = urlsplit(""), 0
    name = unquote(parts.path.lstrip("/"))
    if parts.scheme not in ("postgresql", "postgres") or not parts.hostname or not parts.username or not name:
        raise AnnotatorError(
            "the address of the database is not postgresql://user:password@host:port/name",
            hint="give an address of that form, or leave it out to use a file",
        )
    return Database(parts.hostname, port, name, unquote(parts.username), unquote(parts.password or ""))
