"""Who may talk to the app: this computer's browser, with the address that was printed."""

import hmac
import secrets
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

TICKET = "/ticket"
"""Where who has the key asks for another that opens the page once: it may be seen by others on its way."""

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
NAMES = ("127.0.0.1", "localhost")
FULL_URL = "Open the app with the whole address that `unlearnable app` printed; this one lacks its key."

POLICY = "; ".join(
    (
        "default-src 'none'",
        # the interface compiles its templates in the page
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "frame-src 'self'",
        "form-action 'self'",
        "base-uri 'self'",
        "frame-ancestors 'self'",
        "object-src 'none'",
    )
)
HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
)


class Guard:
    """ASGI middleware around everything, static files and websockets too.

    The Host must be this computer's name with our port, so that no page of another site can reach us by pointing its
    own name here (DNS rebinding). What changes something, and every websocket, must come from our own Origin. And all
    need the key of this launch, once in the address and then in a cookie.

    Args:
        inner: the application.
        port: where it is served.
        token: the key of this launch.
        tickets: keys that open the page once, such as that on the browser's command line, which all users can read.
    """

    def __init__(self, inner: Application, *, port: int, token: str, tickets: Iterable[str] = ()) -> None:
        self.inner, self.token, self.tickets = inner, token, set(tickets)
        self.hosts = {f"{name}:{port}" for name in NAMES}
        self.origins = {f"http://{host}" for host in self.hosts}
        self.cookie = f"unlearnable-{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self.inner(scope, receive, send)
            return
        headers = _headers(scope)
        if headers.get("host", "") not in self.hosts:
            await _refuse(scope, send, 421, "This app answers to 127.0.0.1 only.")
            return
        origin = headers.get("origin")
        changing = scope["type"] == "websocket" or scope["method"] not in SAFE_METHODS
        if (changing or origin is not None) and origin not in self.origins:
            await _refuse(scope, send, 403, "Another site may not talk to this app.")
            return
        query = dict(parse_qsl(scope.get("query_string", b"").decode("latin-1")))
        if scope["type"] == "http" and "token" in query:
            given = query.pop("token")
            if given in self.tickets:
                self.tickets.discard(given)
            elif not self._known(given):
                await _refuse(scope, send, 403, FULL_URL)
                return
            rest = f"?{urlencode(query)}" if query else ""
            await self._welcome(send, f"{scope['path']}{rest}")
            return
        if not self._known(_cookie(headers.get("cookie", ""), self.cookie)):
            await _refuse(scope, send, 403, FULL_URL)
            return
        if scope["type"] == "http" and scope["path"] == TICKET:
            ticket = secrets.token_urlsafe(24)
            self.tickets.add(ticket)
            await _answer(send, 200, ticket)
            return

        async def with_headers(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                own = {name for name, _ in message.get("headers", ())}
                extra = [(name, value) for name, value in HEADERS if name not in own]
                message["headers"] = [*message.get("headers", ()), *extra]
            await send(message)

        await self.inner(scope, receive, with_headers)

    def _known(self, value: str) -> bool:
        return hmac.compare_digest(value.encode(), self.token.encode())

    async def _welcome(self, send: Send, path: str) -> None:
        # a path that begins with two slashes would be another site's
        place = "/" + path.lstrip("/\\")
        cookie = f"{self.cookie}={self.token}; Path=/; HttpOnly; SameSite=Strict"
        headers = [(b"location", place.encode("latin-1", "ignore")), (b"set-cookie", cookie.encode()), *HEADERS]
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


def _headers(scope: Scope) -> dict[str, str]:
    """Return the headers by name; of one that comes twice, nothing, so that no two readers differ."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key = name.decode("latin-1").lower()
        found[key] = "" if key in found and key in ("host", "origin") else value.decode("latin-1")
    return found


def _cookie(header: str, name: str) -> str:
    """Return one cookie; others, of other programs on this computer, may be anything."""
    pairs = (part.strip().partition("=") for part in header.split(";"))
    return next((value for found, _, value in pairs if found == name), "")


async def _refuse(scope: Scope, send: Send, status: int, sentence: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    await _answer(send, status, sentence)


async def _answer(send: Send, status: int, sentence: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), *HEADERS]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": sentence.encode()})
