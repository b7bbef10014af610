"""What people run, from the outside: nothing may leave the machine."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError(f"a connection was opened: {arguments}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture(autouse=True)
def _own_configuration(tmp_path: Path) -> Iterator[None]:
    before = os.environ.get("UNLEARNABLE_OWNER_KEY")
    os.environ["UNLEARNABLE_OWNER_KEY"] = "test"
    yield
    if before is None:
        del os.environ["UNLEARNABLE_OWNER_KEY"]
    else:
        os.environ["UNLEARNABLE_OWNER_KEY"] = before
