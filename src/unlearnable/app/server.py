"""Build the app, find a port, and serve it to this computer."""

import json
import os
import secrets
import signal
import socket
import sqlite3
import threading
import urllib.request
import webbrowser
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType

from fastapi import FastAPI
from fastapi.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from fastapi.staticfiles import StaticFiles
from platformdirs import user_data_path

from unlearnable.app import text
from unlearnable.app.desk import Desk
from unlearnable.app.guard import TICKET, Application, Guard
from unlearnable.app.pictures import thumbnail
from unlearnable.app.zipping import zipped
from unlearnable.evaluation.store import claimed
from unlearnable.protect import MANIFEST, ledger

ASSETS = Path(__file__).parent / "assets"
PORT, TRIES = 8765, 50
TICK = 1.0
RECONNECT = 60.0
"""Seconds that a page is kept for a browser that is away; later the browser loads it anew."""
REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; sandbox"
"""Of the report's own page: it shows, and runs nothing."""


def build(desk: Desk, *, port: int, token: str, ticket: str | None = None) -> Application:
    """Return the whole ASGI application, guarded; a ticket opens it once."""
    from nicegui import ui

    from unlearnable.app.pages import pages

    inner = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    inner.mount("/assets", StaticFiles(directory=ASSETS))
    _routes(inner, desk)
    pages(desk)
    ui.run_with(
        inner,
        title=text.NAME,
        dark=None,
        language="en-US",
        show_welcome_message=False,
        tailwind=False,
        reconnect_timeout=RECONNECT,
    )
    return Guard(inner, port=port, token=token, tickets=[ticket] if ticket else [])


def _routes(inner: FastAPI, desk: Desk) -> None:
    store = desk.manager.store

    @inner.get("/thumb/{job}/{place}")
    def thumb(job: str, place: int) -> Response:
        file = store.file(job, place)
        try:
            if file is None:
                raise ValueError
            content = thumbnail(file.path, file.path.stat().st_mtime)
        except (ValueError, OSError, MemoryError):
            return Response(status_code=404)
        return Response(content, media_type="image/jpeg", headers={"cache-control": "private, max-age=600"})

    @inner.get("/photo/{key}")
    def photo(key: str) -> Response:
        found = desk.gallery.get(key)
        if found is None:
            return Response(status_code=404)
        return Response(found[0], media_type=found[1], headers={"cache-control": "private, max-age=600"})

    @inner.get("/zip/{job}")
    def archive(job: str) -> Response:
        found = store.job(job)
        if found is None or found.kind != "protect" or found.state != "done":
            return PlainTextResponse("There is nothing to download yet.", 404)
        folder = Path(found.spec["output"])
        try:
            names = [name for name in ledger.read(folder) if name != MANIFEST]
        except ValueError:
            return PlainTextResponse(text.OUTSIDE_GONE.format(folder=folder), 404)
        headers = {"content-disposition": _attachment(f"{folder.name}.zip")}
        return StreamingResponse(zipped(folder, names), media_type="application/zip", headers=headers)

    @inner.get("/report/{job}/{name}")
    def report(job: str, name: str, download: bool = False) -> Response:
        found = store.job(job)
        if found is None or "report" not in found.result or name not in ("report.html", "report.json"):
            return PlainTextResponse("There is no report yet.", 404)
        path = Path(found.result["report"]).with_name(name)
        if not path.is_file():
            return PlainTextResponse(text.OUTSIDE_GONE.format(folder=path.parent), 404)
        headers = {"content-security-policy": REPORT_POLICY}
        if download:
            headers["content-disposition"] = _attachment(name)
        return FileResponse(path, headers=headers)

    @inner.get("/lab/{job}/{name}")
    def lab(job: str, name: str) -> Response:
        found = store.job(job)
        wanted = {"picture.png": "picture", "noise.safetensors": "noise"}.get(name)
        if found is None or found.kind != "lab" or wanted is None or wanted not in found.result:
            return PlainTextResponse("There is nothing of that name yet.", 404)
        path = Path(found.result[wanted])
        if not path.is_file():
            return PlainTextResponse(text.OUTSIDE_GONE.format(folder=path.parent), 404)
        method = found.spec["method"]
        headers = {"content-disposition": _attachment(f"{method}.safetensors")} if wanted == "noise" else {}
        return FileResponse(path, headers=headers)


def _attachment(name: str) -> str:
    plain = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-_. ") else "_" for letter in name)
    return f'attachment; filename="{plain}"'


def free_port(wanted: int) -> int:
    """Return `wanted`, or the next port that is free.

    Raises:
        ValueError: fifty in a row are taken.
    """
    for port in range(wanted, wanted + TRIES):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except (OSError, OverflowError):
                continue
            return port
    raise ValueError(f"the ports {wanted} to {wanted + TRIES - 1} are all taken; choose another with --port")


def serve(
    *,
    port: int = PORT,
    browser: bool = True,
    allowed: Sequence[Path] = (),
    folder: Path | None = None,
    say: Callable[[str], None] = print,
) -> None:
    """Serve the app until Ctrl-C; a second launch opens the first one's page.

    Args:
        port: the first port that is tried.
        browser: whether to open the page.
        allowed: folders outside the user's home that may be looked into.
        folder: where jobs are kept; by default this user's data folder.
        say: is told the address, in sentences.

    Raises:
        ValueError: no port is free, or a folder is missing.
    """
    home = folder or user_data_path("unlearnable")
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    if folder is None:
        with suppress(OSError):
            home.chmod(0o700)  # photos are uploaded here, and the key of a launch is; earlier versions made it for all
    note = home / "app.json"
    with claimed(home / "app.lock") as ours:
        if not ours:
            try:
                url = json.loads(note.read_text(encoding="utf-8"))["url"]
            except (OSError, ValueError, KeyError) as error:
                raise ValueError("the app is just starting or ending: try again in a few seconds") from error
            say(text.RUNNING.format(url=url))
            if browser:
                webbrowser.open(_for_once(url))
            return
        desk = Desk.at(home, allowed)
        desk.manager.tidy()
        found, token = free_port(port), secrets.token_urlsafe(24)
        if found != port:
            say(text.TAKEN.format(port=port, other=found))
        url, ticket = f"http://127.0.0.1:{found}/?token={token}", secrets.token_urlsafe(24)
        _keep(note, {"url": url})
        once = f"http://127.0.0.1:{found}/?token={ticket}" if browser else None
        try:
            _run(build(desk, port=found, token=token, ticket=ticket), desk, found, lambda: _opened(url, once, say))
        finally:
            desk.manager.close()
            note.unlink(missing_ok=True)


def _keep(note: Path, content: dict[str, str]) -> None:
    """Write a file that this user alone can read, at every moment of its life."""
    note.unlink(missing_ok=True)
    with os.fdopen(os.open(note, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(content, file)


def _for_once(url: str) -> str:
    """Ask a running app for an address that opens its page once; its own if it does not answer."""
    base, _, token = url.partition("/?token=")
    name = f"unlearnable-{base.rpartition(':')[2]}"
    request = urllib.request.Request(f"{base}{TICKET}", headers={"cookie": f"{name}={token}"})  # noqa: S310 - our own
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own
            return f"{base}/?token={answer.read().decode()}"
    except (OSError, ValueError):
        return url


def _opened(url: str, once: str | None, say: Callable[[str], None]) -> None:
    say(f"The app is at {url}")
    say("Only this computer can open it. Ctrl-C ends it; work under way goes on at the next start.")
    if once is not None:  # what a browser is started with can be read by every user of this computer
        webbrowser.open(once)


def _run(application: Application, desk: Desk, port: int, ready: Callable[[], None]) -> None:
    import uvicorn

    config = uvicorn.Config(
        application,
        host="127.0.0.1",
        port=port,
        log_level="error",
        timeout_graceful_shutdown=2,
        server_header=False,
    )
    server = uvicorn.Server(config)
    ended = threading.Event()

    def look_after() -> None:
        told = False
        while not ended.wait(0.05 if not told else TICK):
            if server.started and not told:
                told = True
                ready()
            if told:
                with suppress(sqlite3.Error, OSError):  # a full disk may have room again a second later
                    desk.manager.tick()

    keeper = threading.Thread(target=look_after, daemon=True)
    keeper.start()

    def leave(number: int, frame: FrameType | None) -> None:
        server.should_exit = True

    before = {each: signal.signal(each, leave) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        server.run()
    finally:
        ended.set()
        keeper.join()
        for each, handler in before.items():
            signal.signal(each, handler)
