"""``Service`` over HTTP, with FastAPI: the optional extra ``serve``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from activessl.errors import ConfigError
from activessl_label_studio.service import Service

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["make_app", "run_server"]

#: The largest body: a webhook has a task and its answers, a prediction request has the tasks of a screen.
_BYTES = 16_000_000

_MISSING = "activessl serve needs FastAPI and uvicorn, which are not installed"
_INSTALL = "run: pip install 'activessl[serve]'"


def make_app(service: Service) -> FastAPI:
    """Make the web application. The caller starts and stops the worker.

    Raises:
        ConfigError: FastAPI is not installed.
    """
    try:
        from fastapi import FastAPI, Request
        from fastapi.responses import JSONResponse, PlainTextResponse
        from starlette.concurrency import run_in_threadpool
    except ImportError:
        raise ConfigError(_MISSING, hint=_INSTALL) from None

    app = FastAPI(title="activessl", docs_url=None, redoc_url=None, openapi_url=None)

    def answer(said: tuple[int, dict[str, Any]]) -> JSONResponse:
        return JSONResponse(said[1], status_code=said[0])

    async def read(request: Request) -> bytes | None:
        """Return the body, or None if it is too large."""
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > _BYTES:
                return None
        return bytes(body)

    async def posted(request: Request) -> JSONResponse:
        if not service.allows(request.headers):
            return answer(service.refuse())
        body = await read(request)
        if body is None:
            return answer((413, {"detail": f"the body has more than {_BYTES:,} bytes"}))
        path = request.url.path
        if path == "/webhook":
            return answer(service.webhook(body))
        if path == "/setup":
            return answer(service.setup())
        # slow, because it computes on the whole pool: not in the event loop that answers webhooks
        return answer(await run_in_threadpool(service.predict, body))

    async def looked(request: Request) -> JSONResponse:
        return answer(service.versions() if request.url.path == "/versions" else service.health())

    async def metrics(_: Request) -> PlainTextResponse:
        return PlainTextResponse(service.metrics(), media_type="text/plain; version=0.0.4")

    async def gone(_: Request) -> JSONResponse:
        return answer((410, {"detail": "this path belongs to an older protocol"}))

    for path in ("/webhook", "/setup", "/predict"):
        app.add_route(path, posted, methods=["POST"])
    for path in ("/", "/health", "/versions"):
        app.add_route(path, looked, methods=["GET"])
    app.add_route("/metrics", metrics, methods=["GET"])
    app.add_route("/job_status", gone, methods=["GET", "POST"])
    return app


def run_server(service: Service, host: str, port: int) -> None:
    """Start the worker, and answer requests until interrupted.

    Raises:
        ConfigError: uvicorn is not installed.
    """
    app = make_app(service)
    try:
        import uvicorn
    except ImportError:
        raise ConfigError(_MISSING, hint=_INSTALL) from None
    service.worker.start()
    try:
        uvicorn.run(app, host=host, port=port, log_level="warning", access_log=False)
    finally:
        service.worker.stop()
