"""All exceptions that activessl raises on purpose.

    ActiveSSLError
    ├── ArgumentError        (TypeError)        an argument of the wrong kind
    ├── ConfigError          (ValueError)       activessl.toml or an argument cannot be used
    ├── PoolError            (ValueError)       the data cannot be read as a pool
    │   └── PoolUnreachable                     the store of the data does not answer
    ├── EncoderError         (RuntimeError)     an encoder cannot be trained, loaded or applied
    ├── QueryError           (ValueError)       a strategy cannot make the query
    ├── LabelError           (ValueError)       the labels do not fit the pool or the classes
    ├── HeadError            (RuntimeError)     a head cannot be fitted or loaded
    ├── MeasureError         (ValueError)       the data do not suffice for the figure
    ├── LedgerError          (RuntimeError)     the ledger cannot be read or written
    │   └── ProjectLocked                       another process is writing to this project
    ├── ProjectError         (OSError)          the project folder is missing, incomplete or not writable
    └── AnnotatorError       (RuntimeError)     the labeling tool cannot do what is requested
        ├── AnnotatorUnreachable (ConnectionError)  the labeling tool does not answer in time
        └── AnnotatorDenied      (PermissionError)  the token or the access rights do not suffice

Each carries ``message`` (what is wrong, with the value; lower case, no full stop) and ``hint`` (one imperative
sentence). The command line prints both as two lines and exits with 1.
"""

from __future__ import annotations

__all__ = [
    "ActiveSSLError",
    "AnnotatorDenied",
    "AnnotatorError",
    "AnnotatorUnreachable",
    "ArgumentError",
    "ConfigError",
    "EncoderError",
    "HeadError",
    "LabelError",
    "LedgerError",
    "MeasureError",
    "PoolError",
    "PoolUnreachable",
    "ProjectError",
    "ProjectLocked",
    "QueryError",
]


class ActiveSSLError(Exception):
    """Base of all errors that are raised on purpose.

    Args:
        message: What is wrong, with the offending value.
        hint: What to do about it, as one imperative sentence.
    """

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n hint: {self.hint}"

    def __reduce__(self) -> tuple[object, ...]:
        # without this, exceptions with keyword-only arguments cannot be pickled for another process
        return (_rebuild, (type(self), self.message, self.hint))


def _rebuild(kind: type[ActiveSSLError], message: str, hint: str) -> ActiveSSLError:
    return kind(message, hint=hint)


class ArgumentError(ActiveSSLError, TypeError):
    """An argument is of the wrong kind."""


class ConfigError(ActiveSSLError, ValueError):
    """activessl.toml, or an argument, cannot be used."""


class PoolError(ActiveSSLError, ValueError):
    """The data cannot be read as a pool."""


class PoolUnreachable(PoolError):
    """The store of the data does not answer, or no longer knows the user: nothing is known about the items."""


class EncoderError(ActiveSSLError, RuntimeError):
    """An encoder cannot be trained, loaded or applied."""


class QueryError(ActiveSSLError, ValueError):
    """A strategy cannot make the query."""


class LabelError(ActiveSSLError, ValueError):
    """The labels do not fit the pool or the classes."""


class HeadError(ActiveSSLError, RuntimeError):
    """A head cannot be fitted or loaded."""


class MeasureError(ActiveSSLError, ValueError):
    """The data do not suffice for the figure."""


class LedgerError(ActiveSSLError, RuntimeError):
    """The ledger cannot be read or written."""


class ProjectLocked(LedgerError):
    """Another process is writing to this project."""


class ProjectError(ActiveSSLError, OSError):
    """The project folder is missing, incomplete or not writable."""


class AnnotatorError(ActiveSSLError, RuntimeError):
    """The labeling tool cannot do what is requested."""


class AnnotatorUnreachable(AnnotatorError, ConnectionError):
    """The labeling tool does not answer in time."""


class AnnotatorDenied(AnnotatorError, PermissionError):
    """The token or the access rights do not suffice."""
