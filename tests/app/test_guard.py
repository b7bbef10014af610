"""Attacks on the door: other names, other sites, no key."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from unlearnable.app.guard import Guard

PORT, TOKEN = 8765, "secret-key"
COOKIE = f"unlearnable-{PORT}={TOKEN}"


async def _inner(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"inside"})


def ask(
    *,
    method: str = "GET",
    path: str = "/",
    query: str = "",
    host: str | None = f"127.0.0.1:{PORT}",
    origin: str | None = None,
    cookie: str | None = COOKIE,
    kind: str = "http",
    extra: tuple[tuple[bytes, bytes], ...] = (),
    guard: Guard | None = None,
) -> tuple[int | str, dict[str, str], bytes]:
    headers = list(extra)
    for name, value in ((b"host", host), (b"origin", origin), (b"cookie", cookie)):
        if value is not None:
            headers.append((name, value.encode()))
    scope = {"type": kind, "method": method, "path": path, "query_string": query.encode(), "headers": headers}
    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request"}

    asyncio.run((guard or Guard(_inner, port=PORT, token=TOKEN))(scope, receive, send))
    first = sent[0]
    found = {name.decode(): value.decode() for name, value in first.get("headers", ())}
    return first.get("status", first["type"]), found, b"".join(each.get("body", b"") for each in sent)


def test_who_has_the_key_comes_in_and_gets_the_policy() -> None:
    status, headers, body = ask()
    assert (status, body) == (200, b"inside")
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "http" not in policy.replace("https", ""), "no other host"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    "host",
    ["evil.example", f"evil.example:{PORT}", "127.0.0.1", "127.0.0.1:80", "", None, f"127.0.0.1:{PORT}.evil.example"],
)
def test_another_name_for_this_computer_is_refused(host: str | None) -> None:
    status, _, body = ask(host=host)
    assert (status, body) == (421, b"This app answers to 127.0.0.1 only.")


def test_two_hosts_are_none() -> None:
    assert ask(extra=((b"host", f"127.0.0.1:{PORT}".encode()),))[0] == 421


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", f"https://127.0.0.1:{PORT}", "http://127.0.0.1:1", None]
)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_what_changes_something_comes_from_our_own_page(origin: str | None, method: str) -> None:
    assert ask(method=method, origin=origin)[0] == 403
    assert ask(method=method, origin=f"http://127.0.0.1:{PORT}")[0] == 200


@pytest.mark.parametrize("origin", ["http://evil.example", None, "null"])
def test_a_websocket_from_another_site_is_closed(origin: str | None) -> None:
    assert ask(kind="websocket", origin=origin)[0] == "websocket.close"
    assert ask(kind="websocket", origin=f"http://localhost:{PORT}")[0] == "websocket.accept"
    assert ask(kind="websocket", origin=f"http://localhost:{PORT}", cookie=None)[0] == "websocket.close"


def test_a_page_of_another_site_cannot_read_ours_either() -> None:
    assert ask(origin="http://evil.example")[0] == 403


def test_other_programs_cookies_do_not_hide_ours() -> None:
    """Cookies of this computer are shared by all ports, and may be anything."""
    assert ask(cookie=f'theme={{"dark":1}}; a b; {COOKIE}; z="x')[0] == 200


def test_a_ticket_opens_the_page_once() -> None:
    guard = Guard(_inner, port=PORT, token=TOKEN, tickets=["first"])
    status, headers, _ = ask(cookie=None, query="token=first", guard=guard)
    assert (status, headers["set-cookie"].split(";")[0]) == (303, COOKIE)
    assert ask(cookie=None, query="token=first", guard=guard)[0] == 403
    assert ask(cookie=None, path="/ticket", guard=guard)[0] == 403
    another = ask(path="/ticket", guard=guard)[2].decode()
    assert another not in ("", TOKEN)
    assert ask(cookie=None, query=f"token={another}", guard=guard)[0] == 303
    assert ask(cookie=None, query=f"token={another}", guard=guard)[0] == 403


@pytest.mark.parametrize(
    "cookie", [None, "", "unlearnable-8765=", "unlearnable-8765=wrong", f"unlearnable-1={TOKEN}", "=;;="]
)
def test_without_the_key_nothing_is_shown_static_files_neither(cookie: str | None) -> None:
    for path in ("/", "/assets/style.css", "/zip/x", "/thumb/a/0"):
        status, _, body = ask(cookie=cookie, path=path)
        assert status == 403
        assert b"whole address" in body


def test_the_key_in_the_address_becomes_a_cookie_and_leaves_the_address() -> None:
    status, headers, _ = ask(cookie=None, query=f"token={TOKEN}&source=a%20b", path="/new")
    assert status == 303
    assert headers["location"] == "/new?source=a+b"
    assert headers["set-cookie"] == f"{COOKIE}; Path=/; HttpOnly; SameSite=Strict"
    assert ask(cookie=None, query="token=wrong")[0] == 403
    assert ask(query="token=wrong")[0] == 403, "a wrong key is wrong even with a cookie"


@pytest.mark.parametrize("path", ["//evil.example/", "/\\evil.example", "///evil.example"])
def test_the_welcome_leads_to_no_other_site(path: str) -> None:
    _, headers, _ = ask(cookie=None, query=f"token={TOKEN}", path=path)
    assert headers["location"] == "/evil.example" + ("/" if path.endswith("example/") else "")
