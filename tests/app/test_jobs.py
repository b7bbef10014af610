"""Jobs: done in a process of their own, paused, killed, gone on with; nothing lost."""

import os
import re
import signal
import sqlite3
import sys
import time
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from app.conftest import picture
from unlearnable._words import shown
from unlearnable.app import text
from unlearnable.app import wishes as wishes_module
from unlearnable.app import work as work_module
from unlearnable.app.desk import Desk
from unlearnable.app.manager import Manager
from unlearnable.app.pages.job import JobPage
from unlearnable.app.pages.proof import ProofPage
from unlearnable.app.pages.protecting import provable
from unlearnable.app.store import Job, Store
from unlearnable.app.work import alive, work
from unlearnable.app.zipping import zipped
from unlearnable.protect import MANIFEST, check


def spec(photos: Path, **changes: Any) -> dict[str, Any]:
    output = photos.with_name("Photos.protected")
    plain = {"source": str(photos), "output": str(output), "strength": "medium", "format": "keep", "category": None}
    return {**plain, "pack": "photos-64", "workers": 1, **changes}


def until(manager: Manager, name: str, *states: str, seconds: float = 60) -> Job:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        manager.tick()
        job = manager.store.job(name)
        assert job is not None
        if job.state in states:
            return job
        time.sleep(0.05)
    raise AssertionError(f"it is {job.state}: {job.message} {job.note}")


def test_a_folder_is_protected_and_checked_and_a_broken_file_says_why(tmp_path: Path, photos: Path) -> None:
    manager = Manager(tmp_path / "desk")
    name = manager.add("protect", spec(photos))
    job = until(manager, name, "done", "failed")
    assert (job.state, job.message) == ("done", "")
    assert job.result["protected"] == 5
    assert job.result["checked"] == 5
    assert (job.result["wrong"], job.result["weak"]) == (0, 0)
    states = {file.key: (file.state, file.reason) for file in manager.store.files(name)}
    assert states["bob/<b>bold.jpg"][0] == "protected"
    assert states["bob/broken.jpg"][0] == "failed"
    assert states["bob/broken.jpg"][1]
    assert manager.store.counts(name) == {"protected": 5, "failed": 1}
    assert [file.key for file in manager.store.files(name, states=["failed"])] == ["bob/broken.jpg"]
    assert not alive(tmp_path / "desk", name)


def worked(store: Store, name: str) -> Job:
    """Do a job in this process."""
    (store.folder / "locks").mkdir(exist_ok=True)
    work(store.folder, name)
    job = store.job(name)
    assert job is not None
    return job


def test_photos_that_failed_are_counted_and_what_is_no_picture_is_no_damage(tmp_path: Path, photos: Path) -> None:
    (photos / "ann" / "notes.txt").write_text("file,category")
    (photos / "bob" / "clip.mov").write_bytes(b"\0\0\0\x14ftypqt  " + bytes(40))
    (photos / "bob" / "turning.gif").write_bytes(b"GIF89a" + bytes(40))
    store = Store(tmp_path / "desk")
    name = store.add("protect", spec(photos))
    job = worked(store, name)
    assert (job.state, job.message) == ("done", "")
    assert {word: job.result[word] for word in ("protected", "failed", "skipped", "checked", "wrong")} == {
        "protected": 5,
        "failed": 2,
        "skipped": 0,
        "checked": 5,
        "wrong": 0,
    }
    states = {file.key: file.state for file in store.files(name)}
    assert states["bob/broken.jpg"] == states["bob/turning.gif"] == "failed"
    assert states["ann/notes.txt"] == states["bob/clip.mov"] == "other"


def test_the_check_says_how_far_it_is_and_can_be_paused(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "desk")
    name = store.add("protect", spec(photos))
    monkeypatch.setattr(work_module, "TOLD", 0.0)
    monkeypatch.setattr(wishes_module, "TOLD", 0.0)
    change, told = Store.change, list[tuple[int, int]]()

    def watched(self: Store, job: str, **values: Any) -> None:
        change(self, job, **values)
        if values.get("note") == text.CHECKING:
            told.append((values["done"], values["total"]))
            if len(told) == 2:
                change(self, job, wish="pause")

    monkeypatch.setattr(Store, "change", watched)
    assert worked(store, name).state == "paused"
    assert told == [(1, 6), (2, 6)]
    store.change(name, state="waiting", wish="run")
    job = worked(store, name)
    assert (job.state, job.done, job.total, job.result["checked"]) == ("done", 6, 6, 5)
    assert len(told) == 2 + 6


def test_a_skipped_file_is_left_out_and_can_be_taken_in(tmp_path: Path, photos: Path) -> None:
    store = Store(tmp_path / "desk")
    (tmp_path / "desk" / "locks").mkdir()
    name = store.add("protect", spec(photos))
    store.plan_files(
        name, [(f"ann/{number}.png", str(photos / "ann" / f"{number}.png"), "", "") for number in range(3)]
    )
    store.skip(name, 1)
    assert store.skipped(name) == {"ann/1.png"}
    work(tmp_path / "desk", name)
    job = store.job(name)
    assert job is not None
    assert job.state == "done"
    assert not (photos.with_name("Photos.protected") / "ann" / "1.png").exists()
    assert (photos.with_name("Photos.protected") / "ann" / "2.png").exists()
    assert store.counts(name) == {"protected": 4, "failed": 1, "skipped": 1}
    assert job.result["wrong"] == 0, "what was left out on purpose is no problem"
    assert job.result["skipped"] == 1
    store.skip(name, 0)
    assert store.skipped(name) == {"ann/1.png"}, "what is protected cannot be skipped any more"


@pytest.fixture
def many(tmp_path: Path) -> Path:
    folder = tmp_path / "home" / "Many"
    for number in range(60):
        picture(folder / "all" / f"{number:02d}.png", number, (640, 480))
    return folder


def test_pause_and_go_on(tmp_path: Path, many: Path) -> None:
    manager = Manager(tmp_path / "desk")
    name = manager.add("protect", spec(many))
    _started(manager, name)
    manager.pause(name)
    job = until(manager, name, "paused")
    some = len(list((many.with_name("Photos.protected")).rglob("*.png")))
    assert 0 < some < 60
    assert job.done == some
    manager.go_on(name)
    job = until(manager, name, "done")
    assert job.result["protected"] == 60
    assert check(many, many.with_name("Photos.protected")).exit_code == 0


def _started(manager: Manager, name: str, files: int = 3) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        job = manager.store.job(name)
        if job is not None and job.done >= files:
            return
        time.sleep(0.02)
    raise AssertionError("it did not start")


def test_killed_with_the_app_it_goes_on_at_the_next_start_and_nothing_is_lost(tmp_path: Path, many: Path) -> None:
    manager = Manager(tmp_path / "desk")
    name = manager.add("protect", spec(many))
    _started(manager, name)
    process = manager.processes.pop(name)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    del manager
    again = Manager(tmp_path / "desk")
    job = again.store.job(name)
    assert job is not None
    assert job.state == "running", "nobody could say that it ended"
    job = until(again, name, "done")
    assert job.result["protected"] == 60
    assert check(many, many.with_name("Photos.protected")).exit_code == 0


def test_the_work_outlives_the_app(tmp_path: Path, many: Path) -> None:
    manager = Manager(tmp_path / "desk")
    name = manager.add("protect", spec(many))
    _started(manager, name)
    process = manager.processes.pop(name)
    again = Manager(tmp_path / "desk")
    again.tick()
    assert name not in again.processes, "it runs already"
    assert process.wait(60) == 0
    assert until(again, name, "done").result["protected"] == 60


def test_closing_the_app_pauses_and_the_next_start_goes_on(tmp_path: Path, many: Path) -> None:
    manager = Manager(tmp_path / "desk")
    name = manager.add("protect", spec(many))
    _started(manager, name)
    manager.close()
    job = manager.store.job(name)
    assert job is not None
    assert job.state == "waiting"
    again = Manager(tmp_path / "desk")
    assert until(again, name, "done").result["protected"] == 60


def test_closing_the_app_asks_work_of_an_earlier_launch_too(tmp_path: Path, many: Path) -> None:
    manager = Manager(tmp_path / "desk")
    name = manager.add("protect", spec(many))
    _started(manager, name)
    process = manager.processes.pop(name)
    Manager(tmp_path / "desk").close()
    assert process.wait(60) == 0
    job = manager.store.job(name)
    assert job is not None
    assert job.state == "waiting"


def test_one_job_at_a_time_the_oldest_first(
    tmp_path: Path, many: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager, started = Manager(tmp_path / "desk"), []
    real = manager._start

    def start(job: Job) -> None:
        started.append(job.id)
        real(job)

    monkeypatch.setattr(manager, "_start", start)
    names = [manager.add("protect", spec(many))]
    names += [manager.add("protect", spec(photos, output=str(tmp_path / "home" / each))) for each in ("b", "c")]
    job = manager.store.job(names[1])
    assert job is not None
    assert job.state == "waiting"
    for name in names:
        until(manager, name, "done")
    assert started == names


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"source": "/nowhere/at/all"}, "there is no file or folder"),
        ({"output": "/proc/nothing"}, "cannot be written|no such file|not a directory"),
        ({"pack": "nonsense"}, "pack"),
        ({"category": " "}, "empty name"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(tmp_path: Path, photos: Path, changes: dict[str, Any], words: str) -> None:
    store = Store(tmp_path / "desk")
    (tmp_path / "desk" / "locks").mkdir()
    name = store.add("protect", spec(photos, **changes))
    work(tmp_path / "desk", name)
    job = store.job(name)
    assert job is not None
    assert job.state == "failed"
    assert re.search(words, job.message), job.message
    assert "\n" not in job.message


def test_a_full_disk_stops_with_a_sentence_and_goes_on(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from unlearnable.protect import worker

    store = Store(tmp_path / "desk")
    (tmp_path / "desk" / "locks").mkdir()
    name = store.add("protect", spec(photos))

    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(worker, "_write", full)
        work(tmp_path / "desk", name)
    job = store.job(name)
    assert job is not None
    assert (job.state, "disk is full" in job.message) == ("failed", True)
    store.change(name, state="waiting")
    work(tmp_path / "desk", name)
    job = store.job(name)
    assert job is not None
    assert job.state == "done"


def test_a_process_that_keeps_dying_is_given_up_with_a_sentence(tmp_path: Path, photos: Path) -> None:
    manager = Manager(tmp_path / "desk")
    name = manager.store.add("protect", spec(photos))
    for _ in range(3):
        manager.store.change(name, state="running")
        manager.processes = {"other": None}  # type: ignore[dict-item] - somebody works, so that none is started
        manager.processes.clear()
        jobs_start, manager._start = manager._start, lambda job: None  # type: ignore[method-assign]
        manager.tick()
        manager._start = jobs_start  # type: ignore[method-assign]
    job = manager.store.job(name)
    assert job is not None
    assert job.state == "failed"
    assert "ended twice" in job.message


@pytest.mark.parametrize(("wish", "step"), [("quit", 0), ("run", 3)])
def test_a_process_that_was_asked_to_quit_or_got_further_is_started_again(
    tmp_path: Path, photos: Path, wish: str, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = Manager(tmp_path / "desk")
    name = manager.store.add("protect", spec(photos))
    monkeypatch.setattr(manager, "_start", lambda job: None)
    for number in range(1, 6):
        manager.store.change(name, state="running", wish=wish, done=number * step)
        manager.tick()
    job = manager.store.job(name)
    assert job is not None
    assert job.state == "waiting"


def test_a_terminated_process_leaves_its_job_in_line(tmp_path: Path, many: Path) -> None:
    manager = Manager(tmp_path / "desk")
    name = manager.add("protect", spec(many))
    _started(manager, name)
    process = manager.processes.pop(name)
    process.terminate()
    assert process.wait(60) == 0
    job = manager.store.job(name)
    assert job is not None
    assert (job.state, job.wish) == ("waiting", "run")


def test_history_is_forgotten_but_not_while_it_runs(tmp_path: Path, photos: Path) -> None:
    store = Store(tmp_path / "desk")
    manager = Manager(tmp_path / "desk")
    name = store.add("protect", spec(photos))
    store.change(name, state="running")
    with pytest.raises(ValueError, match="pause it first"):
        manager.delete(name)
    store.change(name, state="paused")
    manager.delete(name)
    assert store.job(name) is None
    assert photos.is_dir()


def test_what_the_app_alone_has_of_a_job_goes_with_it(tmp_path: Path) -> None:
    manager = Manager(tmp_path / "desk")
    uploads = (tmp_path / "desk" / "uploads").resolve()
    dropped, foreign = uploads / "photos-2026-01-02-030405-000006", tmp_path / "photos-2026-01-02-030405-000006"
    copies = uploads / f"{dropped.name}.protected"
    for place in (dropped, foreign, copies, tmp_path / "desk" / "lab" / "other"):
        place.mkdir(parents=True)
        (place / "0.png").touch()
    names = [manager.store.add("protect", {"source": str(dropped), "output": str(copies)}) for _ in range(2)]
    manager.delete(names[0])
    assert dropped.is_dir(), "another job reads it"
    manager.delete(names[1])
    assert not dropped.exists()
    for source in (foreign, uploads, copies, dropped / ".."):
        manager.delete(manager.store.add("protect", {"source": str(source), "output": str(tmp_path / "out")}))
    lab = manager.store.add("lab", {"source": "error-min"})
    (tmp_path / "desk" / "lab" / lab).mkdir()
    manager.delete(lab)
    assert not (tmp_path / "desk" / "lab" / lab).exists()
    assert all((place / "0.png").exists() for place in (foreign, copies, tmp_path / "desk" / "lab" / "other"))


def test_dropped_photos_that_no_job_came_of_go_after_a_week(tmp_path: Path) -> None:
    manager = Manager(tmp_path / "desk")
    uploads = (tmp_path / "desk" / "uploads").resolve()
    manager.tidy()  # with no uploads at all
    old, new, read, proven = (uploads / f"photos-2026-01-02-030405-00000{number}" for number in range(4))
    copies, foreign = uploads / f"{old.name}.protected", uploads / "photos-of-mine"
    for place in (old, new, read, proven, copies, foreign):
        place.mkdir(parents=True)
        (place / "0.png").touch()
        if place != new:
            os.utime(place, (0, time.time() - 8 * 24 * 3600))
    manager.store.add("protect", {"source": str(read), "output": str(tmp_path / "out")})
    manager.store.add("prove", {"source": str(tmp_path), "protected": str(proven / "sub")})
    manager.tidy()
    assert sorted(uploads.iterdir()) == sorted((new, read, proven, copies, foreign))


def test_a_file_that_is_no_history_is_named(tmp_path: Path) -> None:
    (tmp_path / "jobs.sqlite").write_bytes(b"not a database, but long enough to be looked at" * 40)
    with pytest.raises(ValueError, match="move it away"):
        Store(tmp_path)


def test_a_proof_records_every_epoch_and_its_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "home" / "People"
    for person in range(2):
        for number in range(12):
            picture(folder / f"person-{person}" / f"{number}.png", 100 * person + number)
    store = Store(tmp_path / "desk")
    (tmp_path / "desk" / "locks").mkdir()
    name = store.add("protect", spec(folder, output=str(tmp_path / "out")))
    work(tmp_path / "desk", name)
    monkeypatch.setattr("unlearnable.jobs.proving.QUICK_EPOCHS", 1)
    asked = {"source": str(folder), "protected": str(tmp_path / "out"), "output": str(tmp_path / "proof")}
    proof = store.add("prove", {**asked, "others": [], "quick": True})
    store.change(proof, wish="pause", done=20, total=42)
    work(tmp_path / "desk", proof)
    job = store.job(proof)
    assert job is not None
    assert (job.state, job.done, job.total) == ("paused", 0, 0), "it reads anew"
    store.change(proof, wish="run")
    work(tmp_path / "desk", proof)
    job = store.job(proof)
    assert job is not None
    assert (job.state, job.message) == ("done", "")
    curves = store.epochs(proof)
    rows = {row["name"] for row in job.result["rows"]}
    assert rows <= {row for row, _ in curves} <= rows | {f"clean, {row}" for row in rows}
    assert all(len(curve) == 1 for curve in curves.values())
    assert Path(job.result["report"]).is_file()
    assert job.result["worst"]["verdict"] in ("held", "weakened", "failed")
    trained = sorted((tmp_path / "proof" / "trainings").iterdir())
    second = store.add("prove", {**asked, "others": [], "quick": True, "pictures": True})
    work(tmp_path / "desk", second)
    later = store.job(second)
    assert later is not None
    assert "data:image" not in Path(job.result["report"]).read_text(), "nobody asked for pictures"
    assert "data:image" in Path(later.result["report"]).read_text()
    assert later.result["rows"] == job.result["rows"]
    assert later.result["report"] != job.result["report"], "each proof of a folder keeps its own report"
    assert sorted((tmp_path / "proof" / "trainings").iterdir()) == trained, "and they share what was trained"


def test_a_proof_counts_photos_and_then_epochs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk.at(tmp_path, [])
    store = desk.manager.store
    name = store.add("prove", {})
    page = ProofPage(desk, name)
    monkeypatch.setattr(JobPage, "refresh", lambda self: None)
    for note, unit in ((work_module.READING, "photos"), ("Clean photos, seed 0", "epochs")):
        store.change(name, note=note)
        page.refresh()
        assert page.unit == unit


def test_a_proof_of_too_few_photos_says_what_is_needed(tmp_path: Path, photos: Path) -> None:
    store = Store(tmp_path / "desk")
    (tmp_path / "desk" / "locks").mkdir()
    name = store.add("protect", spec(photos))
    work(tmp_path / "desk", name)
    out = str(photos.with_name("Photos.protected"))
    asked = {"source": str(photos), "protected": out, "output": str(tmp_path / "proof"), "others": [], "quick": True}
    with pytest.raises(ValueError, match="a proof needs at least .*; add photos of yours"):
        provable(asked)
    absent = str(tmp_path / "absent")
    with pytest.raises(ValueError, match="there is no folder .*absent of other people's photos"):
        provable({**asked, "others": [absent]})
    proof = store.add("prove", asked)
    work(tmp_path / "desk", proof)
    job = store.job(proof)
    assert job is not None
    assert job.state == "failed"
    assert "a proof needs at least" in job.message
    assert "--" not in job.message, "there is no command line here"


def test_a_zip_holds_the_files_and_not_the_manifest(tmp_path: Path, photos: Path) -> None:
    store = Store(tmp_path / "desk")
    (tmp_path / "desk" / "locks").mkdir()
    name = store.add("protect", spec(photos))
    work(tmp_path / "desk", name)
    folder = photos.with_name("Photos.protected")
    names = sorted(
        str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST
    )
    pieces = list(zipped(folder, [*names, "gone.png"]))
    assert len(pieces) > len(names), "it is sent as it is made"
    with zipfile.ZipFile(BytesIO(b"".join(pieces))) as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == names
        assert all(archive.read(each) == (folder / each).read_bytes() for each in names)


def test_the_store_survives_two_writers(tmp_path: Path) -> None:
    first, second = Store(tmp_path), Store(tmp_path)
    names = [(first if number % 2 else second).add("protect", {"number": number}) for number in range(20)]
    assert {job.id for job in first.jobs()} == set(names)
    with pytest.raises(sqlite3.OperationalError):
        first.change(names[0], nonsense=1)


def test_what_is_asked_meanwhile_is_read_a_few_times_a_second(tmp_path: Path) -> None:
    store = Store(tmp_path)
    name = store.add("protect", {})
    wishes = wishes_module.Wishes(store, name)
    assert not wishes.stop()
    store.change(name, wish="pause")
    time.sleep(wishes_module.TOLD)
    assert wishes.stop()


def test_a_name_that_is_no_text_is_protected_and_shown_escaped(tmp_path: Path, photos: Path) -> None:
    if sys.platform == "darwin":
        pytest.skip("this system has no names that are no text")
    odd = os.fsdecode(os.fsencode(photos / "bob") + b"/M\xfcller.png")
    picture(Path(odd), 20)
    store = Store(tmp_path / "desk")
    (tmp_path / "desk" / "locks").mkdir()
    name = store.add("protect", spec(photos))
    work(tmp_path / "desk", name)
    job = store.job(name)
    assert job is not None
    assert (job.state, job.message) == ("done", "")
    (file,) = (file for file in store.files(name) if "ller" in file.key)
    assert (file.state, str(file.path)) == ("protected", odd)
    assert shown(file.key) == "bob/M\\udcfcller.png"
    assert (photos.with_name("Photos.protected") / "bob" / os.path.basename(odd)).is_file()
    archive = zipfile.ZipFile(BytesIO(b"".join(zipped(photos, [file.key]))))
    assert archive.namelist() == ["bob/M\\udcfcller.png"]


def test_a_date_that_a_zip_cannot_hold_is_the_nearest_one(tmp_path: Path, photos: Path) -> None:
    os.utime(photos / "ann" / "0.png", (0, 0))
    archive = zipfile.ZipFile(BytesIO(b"".join(zipped(photos, ["ann/0.png"]))))
    assert archive.getinfo("ann/0.png").date_time == (1980, 1, 1, 0, 0, 0)


def test_a_job_whose_store_cannot_be_written_ends_and_is_started_again(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "desk")
    (tmp_path / "desk" / "locks").mkdir()
    name = store.add("protect", spec(photos))

    def full(*values: Any) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setitem(work_module.KINDS, "protect", full)
    work(tmp_path / "desk", name)
    job = store.job(name)
    assert job is not None
    assert (job.state, "disk I/O error" in job.message) == ("failed", True)
