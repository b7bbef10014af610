"""The pages without a browser: what they say, and what their buttons do."""

import asyncio
import re
import sys
import threading
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from nicegui import ui
from nicegui.elements.upload_files import FileUpload, SmallFileUpload
from nicegui.testing.user import User
from nicegui.testing.user_simulation import user_simulation

from unlearnable.app import text
from unlearnable.app.desk import Desk
from unlearnable.app.pages import history, look, pages, samples
from unlearnable.app.pages import job as job_page
from unlearnable.app.pages.look import _Choices
from unlearnable.app.pictures import Sample
from unlearnable.app.server import ASSETS
from unlearnable.jobs.protecting import ProtectJob, prepare


@pytest.fixture
def desk(tmp_path: Path, home: Path) -> Desk:
    return Desk.at(tmp_path / "desk", [])


def visit(desk: Desk, journey: Callable[[User], Awaitable[None]]) -> None:
    """Let a simulated user go through the pages."""

    async def going() -> None:
        async with user_simulation() as user:
            pages(desk)
            await journey(user)

    modules = dict(sys.modules)
    asyncio.run(going())
    sys.modules.update(modules)  # the simulation drops those that have pages; later tests would get other copies


async def seen(user: User, words: str, seconds: float = 10) -> None:
    """Wait until words are on the page."""
    await user.should_see(words, retries=int(seconds / 0.1))


def states(kind: type[Any], user: User) -> list[Any]:
    """Return the elements of a kind that are on the page, in order."""
    return sorted(user.find(kind=kind).elements, key=lambda element: element.id)


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


async def looked(user: User, desk: Desk, query: str, words: str = "PSNR") -> None:
    """Open the look page and wait for its samples, or other words."""
    await user.open(f"/new?{query}")
    await seen(user, words)


def test_what_is_no_photo_is_said_before_anything_is_done(desk: Desk, photos: Path) -> None:
    (photos / "notes.txt").write_text("notes")
    (photos / "turning.gif").write_bytes(b"GIF89a" + bytes(40))
    (photos / "list.csv").write_text("ann/0.png,ann\nann/9.png,ann\n")

    async def journey(user: User) -> None:
        await looked(user, desk, f"source={photos}")
        await user.should_see("no pictures stay where they are: 2.")
        await user.should_see("turning.gif: it is a GIF")
        await looked(user, desk, f"source={photos}&by=list&list={photos}/list.csv")
        await user.should_see("list.csv names 'ann/9.png', which is not there")
        await user.should_see("and 1 more")

    visit(desk, journey)


def test_choices_come_back_from_the_address(desk: Desk, photos: Path) -> None:
    chosen = "strength=high&format=png&by=one&name=ann&optout=True"

    async def journey(user: User) -> None:
        await looked(user, desk, f"source={photos}&{chosen}&output={photos.parent}/copies")
        assert [radio.value for radio in states(ui.radio, user)] == ["high", "one", "png"]
        (optout,) = states(ui.checkbox, user)
        assert optout.value
        user.find("Protect 6 photos").click()
        await seen(user, "Pause")

    visit(desk, journey)
    (job,) = desk.manager.store.jobs()
    asked = {"strength": "high", "format": "png", "category": "ann", "optout": "ai"}
    assert asked.items() <= job.spec.items()
    assert job.spec["output"] == str(photos.parent / "copies")


def test_a_nonsense_choice_in_the_address_is_none() -> None:
    choices = _Choices.of({"strength": "utter", "by": "one", "pack": "mine"}, "/out")
    assert choices == _Choices(output="/out", by="one")
    assert choices.query("/out") == {"by": "one"}


def test_the_newest_choice_is_the_one_that_is_shown(desk: Desk, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entered, go_on = threading.Event(), threading.Event()

    def held(job: ProtectJob, *values: Any) -> tuple[list[Sample], list[str]]:
        if job.plan.options.epsilon == 16:
            entered.set()
            go_on.wait(10)
            return [], ["the old one"]
        return [], ["the new one"]

    monkeypatch.setattr(look, "samples", held)

    async def journey(user: User) -> None:
        await looked(user, desk, f"source={photos}&strength=high", text.MAKING_PREVIEW)
        while not entered.is_set():
            await asyncio.sleep(0.01)
        states(ui.radio, user)[0].set_value("low")
        await seen(user, "the new one")
        go_on.set()
        await asyncio.sleep(0.1)
        await user.should_not_see("the old one")

    visit(desk, journey)


def test_after_an_error_there_is_a_way_on(desk: Desk, photos: Path) -> None:
    async def journey(user: User) -> None:
        await looked(user, desk, f"source={photos}&output={photos}/below", "overlaps the input")
        (start,) = (button for button in states(ui.button, user) if "Protect" in button.text)
        assert "disable" in start.props
        output = user.find(kind=ui.input, content=text.OUTPUT)
        output.clear().type(f"{photos.parent}/copies").trigger("blur")
        await seen(user, "PSNR")
        assert "disable" not in start.props
        await user.should_not_see("overlaps")
        states(ui.radio, user)[1].set_value("list")
        await asyncio.sleep(0.1)
        assert "disable" in start.props
        await user.should_not_see("PSNR")
        alerts = [label.text for label in states(ui.label, user) if label.props.get("role") == "alert"]
        assert alerts == [""], "nothing is wrong before anything could be typed"

    visit(desk, journey)


def test_a_second_click_starts_nothing_and_leaving_a_field_disables_nothing(desk: Desk, photos: Path) -> None:
    async def journey(user: User) -> None:
        await looked(user, desk, f"source={photos}&by=one")
        (start,) = (button for button in states(ui.button, user) if "Protect" in button.text)
        user.find(kind=ui.input, content=text.ONE_NAME).clear().type("ann").trigger("blur")
        for _ in range(10):
            assert "disable" not in start.props, "the click that follows would be lost"
            await asyncio.sleep(0.01)
        for _ in range(2):
            user.find("Protect 6 photos").click()
        assert len(desk.manager.store.jobs()) == 0
        await seen(user, "Pause")
        await asyncio.sleep(0.1)

    visit(desk, journey)
    assert [job.spec["category"] for job in desk.manager.store.jobs()] == ["ann"]


def test_no_folder_is_proposed_that_cannot_be_used(desk: Desk, home: Path, photos: Path) -> None:
    photos.with_name("Photos.protected").write_text("a file")
    assert look.free_folder(photos, desk) == photos.with_name("Photos.protected-2")

    async def journey(user: User) -> None:
        await looked(user, desk, f"source={home}", text.CHOOSE_INSIDE)
        await user.open("/")
        user.find(kind=ui.button, content=text.CHOOSE).click()
        await seen(user, text.USE)
        user.find(text.USE).click()
        await seen(user, text.CHOOSE_INSIDE)

    visit(desk, journey)


def sample(**changes: Any) -> Sample:
    plain: dict[str, Any] = {"name": "a", "size": (1, 1), "before": "", "after": "", "difference": "", "psnr": 40.0}
    return Sample(
        **{**plain, "ssim": 1.0, "linf": 12.0, "seconds": 0.5, "checking": 0.25, "bytes": (10, 40), **changes}
    )


def test_the_estimate_has_the_check_in_it_and_the_room_that_the_type_needs(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = prepare([photos], photos.with_name("out")).plan
    plan = replace(plan, items=plan.items * 20)
    monkeypatch.setattr(samples, "usable_cores", lambda: 2)
    assert "about 60 s: 0.5 s" in samples.estimate_of([sample()], plan), "120 photos: 30 s on two cores, then 30 s"
    monkeypatch.setattr(samples.shutil, "disk_usage", lambda path: SimpleNamespace(free=3 * plan.bytes))
    assert "too little room" in samples.estimate_of([sample()], plan), "PNG of JPEG is four times as large"
    assert "too little room" not in samples.estimate_of([sample(bytes=(10, 11))], plan)


def test_copies_that_another_job_wrote_too_are_kept(desk: Desk, photos: Path) -> None:
    job = prepare([photos], photos.with_name("out"))
    job.run(workers=1)
    names = [done(desk, photos) for _ in range(2)]
    store = desk.manager.store
    first = store.job(names[0])
    assert first is not None
    with pytest.raises(ValueError, match="another job's copies"):
        history._delete_copies(desk, first)
    assert (photos.with_name("out") / "ann" / "0.png").is_file()
    desk.manager.delete(names[1])
    assert history._delete_copies(desk, first)
    assert not photos.with_name("out").exists()
    assert not history._delete_copies(desk, first), "there is nothing any more"


def test_that_nothing_was_deleted_is_said(desk: Desk, photos: Path) -> None:
    done(desk, photos)

    async def journey(user: User) -> None:
        await user.open("/history")
        user.find(kind=ui.button, content="delete").click()
        await seen(user, text.DELETE_FILES)
        user.find(text.DELETE_FILES).click()
        user.find(kind=ui.button, content=text.DELETE).click()
        await seen(user, "No copies were deleted")
        await seen(user, text.NO_JOBS)

    visit(desk, journey)


class Dropped(SmallFileUpload):
    """A file whose bytes take a moment to be written, or cannot be."""

    async def save(self, path: str | Path) -> None:
        await asyncio.sleep(0.3)
        if b"full" in self._data:
            Path(path).write_bytes(b"half of it")
            raise OSError(28, "No space left on device")
        await super().save(path)


async def drop(user: User, *files: FileUpload) -> None:
    """Drop files, and let the browser say at once that all are sent, as it does."""
    (upload,) = states(ui.upload, user)
    await upload.handle_uploads(list(files))
    user.find(kind=ui.upload).trigger("finish")


def test_photos_of_one_name_are_all_kept_before_the_page_goes_on(desk: Desk) -> None:
    async def journey(user: User) -> None:
        await user.open("/")
        await drop(user, *(Dropped("a.png", "image/png", bytes([each])) for each in range(3)))
        await seen(user, text.LOOK_FIRST)
        (folder,) = (desk.folder / "uploads").iterdir()
        kept = {path.name: path.read_bytes() for path in folder.iterdir()}
        assert kept == {"a.png": b"\0", "a-2.png": b"\1", "a-3.png": b"\2"}

    visit(desk, journey)


def test_what_was_not_taken_is_said_and_stays_said(desk: Desk) -> None:
    async def journey(user: User) -> None:
        await user.open("/")
        user.find(kind=ui.upload).trigger("rejected", ["accept", "accept", "max-files"])
        await seen(user, "Left out as no photos: 2.")
        await user.should_see("larger folders are chosen")
        await drop(user, Dropped("a.png", "image/png", b"a"), Dropped("b.png", "image/png", b"full"))
        await seen(user, text.GO_ON.format(count=1))
        await user.should_see("No space left")
        await user.should_see("Left out as no photos: 2.")
        user.find(text.GO_ON.format(count=1)).click()
        await seen(user, text.LOOK_FIRST)

    visit(desk, journey)


def test_a_place_that_cannot_be_made_is_said(desk: Desk) -> None:
    (desk.folder / "uploads").rmdir()
    (desk.folder / "uploads").write_text("a file is in the way")

    async def journey(user: User) -> None:
        await user.open("/")
        await drop(user, Dropped("a.png", "image/png", b"a"))
        await seen(user, "uploads/photos-")

    visit(desk, journey)


def _lines(user: User) -> list[Any]:
    """Return the lines of files as they lie in their list."""
    (first,) = (label for label in states(ui.label, user) if label.text == "1.png")
    line = first.parent_slot.parent.parent_slot.parent
    return [each.default_slot for each in line.parent_slot.children]


def test_lines_stay_where_they_are_and_only_tenths_are_read_aloud(
    desk: Desk, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_page, "REFRESH", 0.05)
    store = desk.manager.store
    name = store.add("protect", {"source": str(photos), "output": str(photos.with_name("out"))})
    store.plan_files(name, [(f"{number}.png", f"/in/{number}.png", "", "") for number in range(30)])
    store.change(name, state="paused", done=0, total=30)

    def status(user: User) -> str:
        (told,) = (label for label in states(ui.label, user) if label.props.get("role") == "status")
        return str(told.text)

    async def refreshed(user: User, done: int, state: str = "paused") -> None:
        store.change(name, done=done, state=state, result=RESULT)
        await seen(user, f"{done} of 30 files, {state}")

    async def journey(user: User) -> None:
        await user.open(f"/job/{name}")
        await seen(user, "29.png")
        names = [label.id for label in states(ui.label, user) if label.text.endswith(".png")]
        assert len(names) == 30
        assert status(user) == "paused, 0 %"
        store.end_files(name, [("/in/0.png", "protected", ""), ("/in/1.png", "failed", "the file is damaged")])
        store.skip(name, 2)
        await refreshed(user, 2)
        await user.should_see("the file is damaged")
        await user.should_see(text.UNSKIP)
        assert [label.id for label in states(ui.label, user) if label.text.endswith(".png")] == names
        assert status(user) == "paused, 0 %"
        await refreshed(user, 4)
        assert status(user) == "paused, 10 %"
        await refreshed(user, 29, "done")
        assert status(user) == "done, 100 %"
        await user.should_not_see(text.UNSKIP)
        states(ui.toggle, user)[0].set_value(1)
        await user.should_not_see("29.png")
        names = [label.text for label in states(ui.label, user) if label.text.endswith(".png")]
        assert names == ["1.png", "2.png"]
        states(ui.toggle, user)[0].set_value(0)
        await seen(user, "29.png")
        names = [slot.children[1].default_slot.children[0].text for slot in _lines(user)]
        assert names == [f"{number}.png" for number in range(30)], "in order again"

    visit(desk, journey)


def _contrast(first: str, second: str) -> float:
    """Return the contrast of two colours by the rules of WCAG 2.1."""
    lights = []
    for colour in (first, second):
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        lights.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
    return (max(lights) + 0.05) / (min(lights) + 0.05)


def test_the_words_of_a_chart_can_be_read_light_and_dark_and_choices_have_names(desk: Desk, photos: Path) -> None:
    style = (ASSETS / "style.css").read_text()
    assert ".curves text { fill: var(--faint); }" in style
    cards, words = (re.findall(rf"--{name}: (#\w{{6}})", style) for name in ("card", "faint"))
    assert len(cards) == len(words) == 2
    assert all(_contrast(card, word) >= 4.5 for card, word in zip(cards, words, strict=True))
    proof = desk.manager.store.add("prove", {"source": str(photos)})

    async def journey(user: User) -> None:
        await user.open(f"/job/{proof}")
        (chart,) = states(ui.echart, user)
        assert chart.props["renderer"] == "svg"
        assert "curves" in chart.classes
        await user.open(f"/new?source={photos}")
        names = [radio.props["aria-label"] for radio in states(ui.radio, user)]
        assert names == [text.STRENGTH, text.CATEGORY, text.FORMAT]

    visit(desk, journey)
