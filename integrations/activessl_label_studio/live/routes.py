"""The live page over HTTP, with Starlette."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from activessl_label_studio.live.desk import Desk, Reply

if TYPE_CHECKING:
    from starlette.applications import Starlette

__all__ = ["add_live"]

#: The largest body of a form.
_BYTES = 10_000

#: Seconds between two looks for a change, and between two signs of life to a proxy.
_LOOK_S, _ALIVE_S = 0.5, 15.0

#: The most pages that are told of changes at once; further ones are read by reloading.
_STREAMS = 64


def add_live(app: Starlette, desk: Desk) -> None:
    """Add the routes of the live page, but for ``/``, which also answers Label Studio."""
    from starlette.concurrency import run_in_threadpool
    from starlette.requests import Request
    from starlette.responses import HTMLResponse, Response, StreamingResponse

    streams = 0

    def answer(reply: Reply) -> Response:
        return HTMLResponse(reply.body, status_code=reply.status, headers=dict(reply.headers))

    async def form(request: Request) -> bytes:
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > _BYTES:
                return b""
        return bytes(body)

    async def looked(request: Request) -> Response:
        cookie, path = request.headers.get("cookie", ""), request.url.path.rpartition("/")[2]
        do = {"live": desk.live, "report": desk.report, "logout": desk.logout}[path]
        return answer(await run_in_threadpool(do, cookie))  # they read the ledger: not in the event loop

    async def sent(request: Request) -> Response:
        try:
            body = await asyncio.wait_for(form(request), 10)
        except TimeoutError:
            return Response("the form did not come within 10 s", status_code=408)
        site = request.headers.get("sec-fetch-site", "")
        if request.url.path.endswith("/login"):
            return answer(desk.login(body, site))
        return answer(await run_in_threadpool(desk.order, request.headers.get("cookie", ""), body, site))

    async def events(request: Request) -> Response:
        nonlocal streams
        cookie = request.headers.get("cookie", "")
        if desk.access.visit(cookie) is None:
            return Response("log in", status_code=401)
        if streams >= _STREAMS:
            return Response("too many pages are open", status_code=503)

        async def told() -> AsyncIterator[str]:
            nonlocal streams
            streams += 1
            try:
                seen, quiet = -1, 0.0
                while not desk.closed and desk.access.visit(cookie) is not None:
                    now = await run_in_threadpool(desk.changes)
                    if now != seen:
                        seen, quiet = now, 0.0
                        yield f"data: {now}\n\n"
                    elif quiet >= _ALIVE_S:
                        quiet = 0.0
                        yield ": still here\n\n"
                    await asyncio.sleep(_LOOK_S)
                    quiet += _LOOK_S
            finally:
                streams -= 1

        return StreamingResponse(told(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})

    for path in ("/live", "/report", "/logout"):
        app.add_route(path, looked, methods=["GET"])
    for path in ("/login", "/order"):
        app.add_route(path, sent, methods=["POST"])
    app.add_route("/events", events, methods=["GET"])
