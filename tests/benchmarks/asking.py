"""How fast items are asked about, against the server's own rate: 10,000 texts at 16 requests at once.

    python tests/benchmarks/asking.py [--items 10000] [--at-once 16] [--seconds 0.1]

The server is a process of its own that answers each request after ``--seconds``. Its own rate is what a bare client
gets that does nothing else, with as many connections, just before and just after. ``httpx`` in as many threads, which
reads each answer and does nothing else, is timed beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import multiprocessing
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

CLASSES = ("Alpha", "Beta", "Gamma")
_TOP = [{"token": name, "logprob": -1.0 - i} for i, name in enumerate(CLASSES)]
ANSWER = json.dumps(
    {
        "model": "tiny",
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": "Alpha"},
                "logprobs": {"content": [{**_TOP[0], "top_logprobs": _TOP}]},
            }
        ],
        "usage": {"total_tokens": 41},
    }
).encode()
MODELS = json.dumps({"object": "list", "data": [{"id": "tiny", "meta": {"size": 1}}]}).encode()


def reply(body: bytes) -> bytes:
    """An answer over HTTP."""
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body


async def read(reader: asyncio.StreamReader) -> bytes | None:
    """The first line of a request or answer, whose body is read to its end; None at the end of the connection."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    length = next((int(x.split(b":")[1]) for x in head.split(b"\r\n") if x.lower().startswith(b"content-length")), 0)
    await reader.readexactly(length)
    return head.split(b"\r\n")[0]


def serve(port: multiprocessing.connection.Connection, seconds: float) -> None:
    """Answer until the process is ended."""

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (line := await read(reader)) is not None:
            if line.startswith(b"POST"):
                await asyncio.sleep(seconds)
            writer.write(reply(ANSWER if line.startswith(b"POST") else MODELS))
            await writer.drain()
        writer.close()

    async def main() -> None:
        server = await asyncio.start_server(one, "127.0.0.1", 0)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


def own_rate(port: int, at_once: int, requests: int) -> float:
    """Answers a second that a bare client gets."""
    body = json.dumps({"messages": [{"role": "user", "content": "x" * 400}]}).encode()
    raw = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    left = iter(range(requests))

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in left:
            writer.write(raw)
            await read(reader)
        writer.close()

    async def main() -> None:
        await asyncio.gather(*(one() for _ in range(at_once)))

    started = time.monotonic()
    asyncio.run(main())
    return requests / (time.monotonic() - started)


def httpx_rate(port: int, at_once: int, requests: int) -> float:
    """Answers a second that httpx gets in as many threads, with the answers read and nothing done with them."""
    body = {"messages": [{"role": "user", "content": "x" * 400}]}
    with httpx.Client(base_url=f"http://127.0.0.1:{port}/v1/", trust_env=False) as client:

        def one(_: int) -> None:
            client.post("chat/completions", json=body).json()

        started = time.monotonic()
        with ThreadPoolExecutor(at_once) as workers:
            list(workers.map(one, range(requests)))
        return requests / (time.monotonic() - started)


def main() -> None:
    """Ask, and print the rates."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--at-once", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=0.1)
    args = parser.parse_args()
    from activessl import Session
    from activessl.steps.ask_machine import ask_machine

    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(theirs, args.seconds), daemon=True)
    server.start()
    port = ours.recv()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        with (path / "texts.csv").open("w", newline="", encoding="utf-8") as out:
            rows = csv.writer(out)
            rows.writerow(["id", "text"])
            rows.writerows([f"i{i}", f"news {i} " + "word " * 80] for i in range(args.items))
        Session.create(path / "p", data=path / "texts.csv", classes=CLASSES)
        with (path / "p" / "activessl.toml").open("a", encoding="utf-8") as out:
            out.write(f'\n[machines.m]\nkind = "language"\nurl = "http://127.0.0.1:{port}/v1"\nmodel = "tiny"\n')
            out.write(f"at_once = {args.at_once}\norders = 1\n")
        project = Session.open(path / "p").project
        few = args.items // 10
        before = [own_rate(port, args.at_once, few), httpx_rate(port, args.at_once, few)]
        started, used = time.monotonic(), time.process_time()
        found = ask_machine(project, "m")
        took, used = time.monotonic() - started, time.process_time() - used
        after = [own_rate(port, args.at_once, few), httpx_rate(port, args.at_once, few)]
    server.terminate()
    rate = found.answered / took
    own, bare = ((x + y) / 2 for x, y in zip(before, after, strict=True))
    print(
        f"{found.answered:,} answers in {took:.1f} s, {used:.1f} s of them computing: {rate:.1f} a second; the server "
        f"gives {before[0]:.1f} before and {after[0]:.1f} after: {rate / own:.3f} of its own rate; httpx got "
        f"{before[1]:.1f} and {after[1]:.1f}: {rate / bare:.3f} of it"
    )


if __name__ == "__main__":
    main()
