"""What people run, from the outside: nothing may leave the machine."""

import socket
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="module")
def offline() -> Iterator[None]:
    """Refuse every connection, of what is made once for a module too, with an owner's secret of the tests."""

    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError(f"a connection was opened: {arguments}")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", refuse)
        patch.setattr(socket, "create_connection", refuse)
        patch.setattr(socket, "getaddrinfo", refuse)
        patch.setenv("UNLEARNABLE_OWNER_KEY", "test")
        yield
