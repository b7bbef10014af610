"""The pages without a browser: what they say, and what their buttons do."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from nicegui import ui
from nicegui.testing.user import User
from nicegui.testing.user_simulation import user_simulation

from unlearnable.app.desk import Desk
from unlearnable.app.pages import pages


@pytest.fixture
def desk(tmp_path: Path, home: Path) -> Desk:
    return Desk.at(tmp_path / "desk", [])


def visit(desk: Desk, journey: Callable[[User], Awaitable[None]]) -> None:
    """Let a simulated user go through the pages."""

    async def going() -> None:
        async with user_simulation() as user:
            pages(desk)
            await journey(user)

    asyncio.run(going())


async def seen(user: User, words: str, seconds: float = 10) -> None:
    """Wait until words are on the page."""
    await user.should_see(words, retries=int(seconds / 0.1))


def states(kind: type[Any], user: User) -> list[Any]:
    """Return the elements of a kind that are on the page."""
    return list(user.find(kind=kind).elements)


RESULT = {"protected": 9, "failed": 3, "skipped": 1, "lossy": 0, "checked": 9, "weak": 0, "wrong": 0}


def done(desk: Desk, source: Path, **result: Any) -> str:
    """Add a job that is done."""
    name = desk.manager.store.add("protect", {"source": str(source), "output": str(source.with_name("out"))})
    desk.manager.store.change(name, state="done", done=9, total=10, result={**RESULT, **result})
    return name


def test_what_is_not_protected_is_said_and_listed(desk: Desk, photos: Path) -> None:
    name = done(desk, photos)
    desk.manager.store.fail_files(name, [("a/bad.jpg", "/a/bad.jpg", "the file is truncated", "failed")])
    desk.manager.store.fail_files(name, [("a/notes.txt", "/a/notes.txt", "it is not a picture", "other")])

    async def journey(user: User) -> None:
        await user.open(f"/job/{name}")
        await seen(user, "no copy is in the folder: 3.")
        await seen(user, "Left out, as you asked: 1.")
        await seen(user, "a/notes.txt")
        user.find("Show them").click()
        await user.should_not_see("a/notes.txt")
        await user.should_see("a/bad.jpg")

    visit(desk, journey)
