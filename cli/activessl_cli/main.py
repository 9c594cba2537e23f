"""The command line: the app, and the place where an expected error becomes two lines."""

from __future__ import annotations

import atexit
import os
import sys

import typer

from activessl.encoders.compute.processes import count, leads, rank
from activessl.errors import ActiveSSLError
from activessl_cli import render
from activessl_cli.commands import register

app = typer.Typer(
    name="activessl",
    help="Train a model on unlabeled data with the fewest hours of human labeling.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
register(app)

# The BLAS threads of numpy and scipy spin for about 30 ms after each product before they sleep, and most verbs need few
# products. With a limit of 2^18 clock ticks (0.1 ms) a verb is as fast and takes half the CPU.
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "18")

INTERRUPTED = 130

#: Verbs that several processes, started by torchrun, run together.
_SHARED = ("encode",)
_INTERRUPTED = ("interrupted", "run the same command again to continue where it stopped")

# BadParameter < UsageError < ClickException; some versions of typer contain a copy of click, others use the package
_ClickException: type[Exception] = typer.BadParameter.__mro__[2]


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", help="Print the version and exit.", is_eager=True),
    _debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error."),
) -> None:
    if version:
        from importlib.metadata import version as of

        render.result({"version": of("activessl")}, f"activessl {of('activessl')}", as_json=False)
        raise typer.Exit


def main(argv: list[str] | None = None) -> None:
    """Run the command line, and exit with its exit code.

    Without ``argv`` this is the command itself, and the process ends as soon as what it has to do at its end is done.
    """
    code = run(*(sys.argv[1:] if argv is None else argv))
    if argv is None:
        atexit.register(_end, code)  # by then, Python has waited for its own threads
    sys.exit(code)


def _end(code: int) -> None:
    """End the process before Python takes itself apart.

    A thread of native code, such as one of pyarrow that lets go of a page of a table, may need Python a moment later.
    Then Python ends that thread, which C++ answers with ``terminate``: exit code 134 instead of that of the verb.
    """
    atexit.unregister(_end)
    atexit._run_exitfuncs()  # those that were registered before this one
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None and not stream.closed:
                stream.flush()
    except BrokenPipeError:
        code = code or 1
    except OSError as error:
        render.failure(f"the output cannot be written: {error.strerror}", "free disk space, or write it elsewhere")
        code = code or 1
    os._exit(code)


def run(*argv: str) -> int:
    """Run the command line, and return its exit code: 0 done, 1 an expected error, 2 usage."""
    args = list(argv)
    debug = "--debug" in args or bool(os.environ.get("ACTIVESSL_DEBUG"))
    args = [a for a in args if a != "--debug"]  # --debug is valid after the verb, too
    verb = next((a for a in args if not a.startswith("-")), None)
    if count() > 1 and verb not in (None, *_SHARED):
        if leads():
            render.failure(f"{verb} runs in one process, not in {count()}", f"start {verb} without torchrun")
        # torchrun ends all processes when one fails, so only the process that prints the error may fail
        return 2 if leads() else 0
    try:
        code = app(args=args, prog_name="activessl", standalone_mode=False)
    except ActiveSSLError as error:
        if debug:
            raise
        render.failure(error.message if leads() else f"in process {rank()}: {error.message}", error.hint)
        return 1
    except (KeyboardInterrupt, typer.Abort) as stop:
        if isinstance(stop.__cause__, EOFError):  # click takes it for the end of the input
            if debug:
                raise stop.__cause__ from None
            render.failure(f"a file ends too early: {stop.__cause__}", "run again with --debug to see which file")
            return 1
        _interrupted()
        return 1
    except typer.Exit as stop:
        return stop.exit_code
    except _ClickException as error:
        error.show()  # type: ignore[attr-defined]
        return 2
    except BrokenPipeError:
        # the reader of the output closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        if debug:
            raise
        render.failure(
            f"{error.strerror or type(error).__name__}: {error.filename or ''}".rstrip(": "),
            "check that the disk is writable and not full, or run again with --debug",
        )
        return 1
    if code == INTERRUPTED:  # typer's exit code for Ctrl-C
        _interrupted()
        return 1
    return code if isinstance(code, int) else 0


def _interrupted() -> None:
    if leads():  # Ctrl-C reaches every process, and one of them prints
        render.failure(*_INTERRUPTED)


if __name__ == "__main__":
    main()
