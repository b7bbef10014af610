"""The whole journey in a browser: real clicks, no request to anywhere else, keys only, and an accessibility check."""

import io
import json
import os
import re
import shutil
import signal
import subprocess
import tarfile
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from app.conftest import picture
from app.test_server import listening
from unlearnable.app.server import free_port
from unlearnable.protect import check, ledger

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
HINT = "Chromium is not here: as root, apt-get install -y chromium"
SHOTS = Path(os.environ.get("UNLEARNABLE_SCREENSHOTS", "build/screenshots"))
"""Where screenshots of the test are kept; git does not see them."""

pytestmark = pytest.mark.skipif(not Path(CHROMIUM).exists(), reason=HINT)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield opened
        opened.close()


class Visitor:
    """A browser page that fails the test if anything leaves this computer or breaks."""

    def __init__(self, browser: Any, url: str, **options: Any) -> None:
        self.problems: list[str] = []
        self.context = browser.new_context(accept_downloads=True, **options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(90_000)
        self.page.on("request", self._watch)
        self.page.on("pageerror", lambda error: self.problems.append(f"script: {error}"))
        self.page.goto(url)

    def _watch(self, request: Any) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:")):
            self.problems.append(f"outside: {request.url}")

    def shot(self, name: str) -> None:
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SHOTS / f"{name}.png", full_page=True)

    def close(self) -> None:
        self.context.close()
        assert self.problems == []


def many_pictures(folder: Path, count: int) -> None:
    """Write so many that protecting them takes seconds; a few are drawn, the others are copies."""
    for number in range(count):
        path = folder / f"{number:03d}.png"
        if number < 8:
            picture(path, number, (900, 700))
        else:
            shutil.copyfile(folder / f"{number % 8:03d}.png", path)


@pytest.fixture
def app(tmp_path: Path, home: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process, url = listening(tmp_path / "desk", home, free_port(19000))
    yield process, url
    process.send_signal(signal.SIGINT)
    process.wait(60)


def test_choose_look_protect_check_download(
    browser: Any, app: tuple[subprocess.Popen[str], str], photos: Path, axe: str | None
) -> None:
    visitor = Visitor(browser, app[1], viewport={"width": 1180, "height": 820})
    page = visitor.page
    assert "token" not in page.url, "the key left the address"
    page.get_by_role("button", name="Choose a folder").wait_for()
    accessible(page, axe)
    visitor.shot("1-home")
    page.get_by_role("button", name="Choose a folder").click()
    page.get_by_role("button", name="Photos", exact=True).click()
    page.get_by_role("button", name="ann", exact=True).wait_for()
    page.get_by_role("button", name="Use this folder").click()
    page.locator(".compare").first.wait_for()
    assert page.get_by_text(re.compile("^6 photos, ")).count() == 1
    page.get_by_role("button", name="Protect 6 photos").wait_for()
    accessible(page, axe)
    visitor.shot("2-look")
    slider = page.get_by_role("slider").first
    slider.focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    assert page.locator(".compare").first.evaluate("each => each.style.getPropertyValue('--at')") == "55%"
    page.get_by_role("button", name="Difference × 10").first.click()
    page.get_by_alt_text(re.compile("Difference")).first.wait_for()
    page.get_by_label(re.compile("High")).click()
    page.get_by_role("button", name="Protect 6 photos").click()
    page.get_by_text("5 photos are protected.").wait_for()
    page.get_by_text("All 5 files were read again").wait_for()
    assert page.get_by_text("<b>bold.jpg").count() == 1, "a file name is text, not markup"
    page.get_by_text("not protected", exact=True).wait_for()
    accessible(page, axe)
    visitor.shot("3-done")
    page.get_by_role("button", name="Problems").click()
    page.get_by_text("ann/0.png").wait_for(state="detached")
    assert page.get_by_text("bob/broken.jpg").count() == 1
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as ZIP").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert "manifest.jsonl" not in archive.namelist()
        assert len(archive.namelist()) == 5
    page.get_by_role("link", name="History").click()
    page.get_by_role("link", name="Protect: Photos").wait_for()
    accessible(page, axe)
    page.get_by_role("button", name=re.compile("Delete Protect")).click()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_text("Nothing yet.").wait_for()
    assert (photos.parent / "Photos.protected" / "ann" / "0.png").is_file()
    visitor.close()


def test_two_tabs_pause_close_and_come_back(browser: Any, app: tuple[subprocess.Popen[str], str], photos: Path) -> None:
    many = photos.parent / "Many"
    many_pictures(many / "all", 80)
    visitor = Visitor(browser, app[1])
    page = visitor.page
    base = page.url.rstrip("/")
    page.goto(f"{base}/new?source={many}")
    page.get_by_role("button", name="Protect 80 photos").click()
    page.wait_for_url("**/job/*")
    address = page.url
    other = visitor.context.new_page()
    other.goto(address)
    other.get_by_role("button", name="Pause").click()
    page.get_by_text(re.compile("of 80 files, paused")).wait_for()
    page.close()
    other.close()
    again = visitor.context.new_page()
    again.set_default_timeout(90_000)
    again.goto(address)
    again.get_by_role("button", name="Go on").click()
    again.get_by_text("80 photos are protected.").wait_for()
    assert check(many, many.with_name("Many.protected")).exit_code == 0
    visitor.close()


def test_one_name_for_all_or_a_list(browser: Any, app: tuple[subprocess.Popen[str], str], photos: Path) -> None:
    visitor = Visitor(browser, app[1])
    page = visitor.page
    page.goto(f"{page.url.rstrip('/')}/new?source={photos}")
    page.get_by_text(re.compile("in 2 categories")).wait_for()
    page.get_by_label("All photos are of one person or thing").click()
    page.get_by_text(re.compile("in one category")).wait_for()
    lines = [f"ann/{number}.png,{number}" for number in range(3)] + ["bob/<b>bold.jpg,0", "bob/plain.jpg,1"]
    listed = photos.parent / "list.csv"
    listed.write_text("\n".join(["file,category", *lines, "bob/broken.jpg,2"]))
    page.get_by_label("A list says").click()
    page.get_by_label("The list, a CSV file").fill("/etc/passwd")
    page.get_by_label("The list, a CSV file").blur()
    page.get_by_role("alert").filter(has_text="outside the folders").wait_for()
    page.get_by_label("The list, a CSV file").fill(str(listed))
    page.get_by_label("The list, a CSV file").blur()
    page.get_by_text(re.compile("in 3 categories")).wait_for()
    page.get_by_role("checkbox", name=re.compile("Ask in each photo")).click()
    page.get_by_role("button", name="Protect 6 photos").click()
    page.get_by_text("5 photos are protected.").wait_for()
    written = ledger.read(photos.with_name("Photos.protected"))
    assert written["bob/plain.jpg"].category == "1"
    assert written["bob/plain.jpg"].parameters["optout"] == "ai"
    visitor.close()


def test_with_keys_alone(browser: Any, app: tuple[subprocess.Popen[str], str], photos: Path) -> None:
    visitor = Visitor(browser, app[1])
    page = visitor.page
    page.get_by_role("button", name="Choose a folder").wait_for()
    _tab_to(page, "Choose a folder")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Use this folder").wait_for()
    _tab_to(page, "Photos")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="ann", exact=True).wait_for()
    _tab_to(page, "Use this folder")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Protect 6 photos").wait_for()
    page.locator(".compare").first.wait_for()
    page.wait_for_function("() => !document.querySelector('button[disabled]')")
    _tab_to(page, "Protect 6 photos")
    page.keyboard.press("Enter")
    page.get_by_text("5 photos are protected.").wait_for()
    visitor.close()


def _tab_to(page: Any, words: str) -> None:
    """Press Tab until the thing of that name has the focus."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("() => document.activeElement.innerText || ''").strip().endswith(words):
            return
    raise AssertionError(f"no way to {words!r} with the Tab key")


def test_a_small_dark_screen(
    browser: Any, app: tuple[subprocess.Popen[str], str], photos: Path, axe: str | None
) -> None:
    visitor = Visitor(browser, app[1], viewport={"width": 390, "height": 800}, color_scheme="dark")
    page = visitor.page
    page.get_by_role("button", name="Choose a folder").wait_for()
    accessible(page, axe)
    visitor.shot("4-small-dark")
    page.goto(f"{page.url.rstrip('/')}/new?source={photos}")
    page.get_by_role("button", name="Protect 6 photos").wait_for()
    page.locator(".compare").first.wait_for()
    accessible(page, axe)
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways"
    visitor.shot("5-small-dark-look")
    visitor.close()


def test_a_folder_that_cannot_be_used_says_why(
    browser: Any, app: tuple[subprocess.Popen[str], str], home: Path
) -> None:
    (home / "empty").mkdir()
    visitor = Visitor(browser, app[1])
    base = visitor.page.url.rstrip("/")
    for source, words in (
        ("/etc", "outside the folders"),
        (f"{home}/gone", "is not there any more"),
        ("", "no folder name"),
        (f"{home}/empty", "no photos found"),
    ):
        visitor.page.goto(f"{base}/new?source={source}")
        visitor.page.get_by_role("alert").filter(has_text=words).wait_for()
    visitor.close()


def test_photos_are_dropped(browser: Any, app: tuple[subprocess.Popen[str], str], photos: Path, tmp_path: Path) -> None:
    visitor = Visitor(browser, app[1])
    page = visitor.page
    page.get_by_role("button", name="Choose a folder").wait_for()
    page.locator("input[type=file]").set_input_files([photos / "ann" / f"{number}.png" for number in range(3)])
    page.wait_for_url("**/new*")
    page.get_by_role("button", name="Protect 3 photos").click()
    page.get_by_text("3 photos are protected.").wait_for()
    assert len(list((tmp_path / "desk" / "uploads").rglob("*.png"))) == 6, "copies and their protected versions"
    visitor.close()


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str | None:
    """Fetch axe-core from the package registry; without it all is tested but accessibility."""
    folder = tmp_path_factory.mktemp("axe")
    npm = shutil.which("npm")
    if npm is None:
        warnings.warn("npm is not here, so accessibility is not checked: apt-get install -y npm", stacklevel=1)
        return None
    pack = [npm, "pack", "axe-core@4.10"]
    try:
        subprocess.run(pack, cwd=folder, capture_output=True, text=True, check=True, timeout=60)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        warnings.warn(f"axe-core could not be fetched, so accessibility is not checked: {error}", stacklevel=1)
        return None
    (archive,) = folder.glob("*.tgz")
    with tarfile.open(archive) as package:
        content = package.extractfile("package/axe.min.js")
        assert content is not None
        return content.read().decode()


def accessible(page: Any, axe: str | None) -> None:
    """Fail with what is wrong for people who cannot see well, or have no mouse (WCAG 2.1 A and AA)."""
    if axe is None:
        return
    page.evaluate(axe)
    found = page.evaluate(
        """() => axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}).then((found) =>
            found.violations.map((each) => {
                const places = each.nodes.map((node) => node.html + node.failureSummary);
                return [each.id, each.help, ...places].join("; ");
            }))"""
    )
    assert found == []


SLOW_IMPORT = """
import sys, time

class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == "unlearnable.jobs.lab":
            time.sleep(4)

sys.meta_path.insert(0, Slow())
"""
"""More than a page may take to be built, as torch takes where it is imported for the first time."""


def test_the_noise_lab(browser: Any, home: Path, tmp_path: Path, axe: str | None) -> None:
    (tmp_path / "sitecustomize.py").write_text(SLOW_IMPORT)
    process, url = listening(tmp_path / "desk", home, free_port(19300), PYTHONPATH=str(tmp_path))
    visitor = Visitor(browser, url, viewport={"width": 1180, "height": 820})
    page = visitor.page
    page.get_by_role("link", name="Noise lab").click()
    page.get_by_text("Loading the methods").wait_for()
    page.get_by_label("epsilon").wait_for()
    accessible(page, axe)
    page.get_by_label("epsilon").fill("a lot")
    page.get_by_role("button", name="Craft and train").click()
    page.get_by_role("alert").filter(has_text="epsilon must be a number; got 'a lot'").wait_for()
    page.get_by_label("epsilon").fill("32")
    page.get_by_label("steps", exact=True).fill("8")
    page.get_by_label("Images per class").fill("12")
    page.get_by_role("button", name="Craft and train").click()
    page.get_by_text(re.compile("protected: best epoch")).wait_for()
    page.wait_for_function("() => [...document.images].every((each) => each.complete && each.naturalWidth > 0)")
    accessible(page, axe)
    visitor.shot("6-lab")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download noise").click()
    assert download.value.suggested_filename == "error-min.safetensors"
    visitor.close()
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0


def test_killed_mid_job_with_its_work_and_started_again(browser: Any, home: Path, tmp_path: Path) -> None:
    many = home / "Many"
    many_pictures(many / "all", 120)
    process, url = listening(tmp_path / "desk", home, free_port(19200))
    visitor = Visitor(browser, url)
    page = visitor.page
    page.goto(f"{page.url.rstrip('/')}/new?source={many}")
    page.get_by_role("button", name="Protect 120 photos").click()
    page.wait_for_url("**/job/*")
    page.get_by_text(re.compile(r"^([5-9]|\d\d+) of 120 files")).wait_for()
    address = page.url.split("/job/")[1]
    process.kill()
    process.wait()
    subprocess.run(["pkill", "-9", "-f", f"unlearnable.app.work {tmp_path}"], check=True)
    visitor.context.close()
    written = len(list(many.with_name("Many.protected").rglob("*.png")))
    assert 0 < written < 120
    again, url = listening(tmp_path / "desk", home, free_port(19200))
    visitor = Visitor(browser, url)
    visitor.page.goto(f"{visitor.page.url.rstrip('/')}/job/{address}")
    visitor.page.get_by_text("120 photos are protected.").wait_for()
    visitor.close()
    again.send_signal(signal.SIGINT)
    again.wait(60)
    assert check(many, many.with_name("Many.protected")).exit_code == 0


def as_a_phone_stores_it(photo: bytes, file: Path) -> None:
    """Write a photo as HEIC, lying on its side as phones write them."""
    heif = pytest.importorskip("pillow_heif")
    heif.register_heif_opener(thumbnails=False)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(io.BytesIO(photo)).rotate(90, expand=True).save(file, "HEIF", quality=95, exif=exif.tobytes())


def test_real_photos(browser: Any, app: tuple[subprocess.Popen[str], str], home: Path, shared_data: Path) -> None:
    table = pq.read_table(shared_data / "photos-caltech20.parquet", columns=["image", "label"])
    chosen = [row for label in (3, 4, 5) for row in np.flatnonzero(np.asarray(table["label"]) == label)[:4]]
    for row in chosen:
        file = home / "Real" / f"kind-{table['label'][row].as_py()}" / f"{row}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        photo = table["image"][row].as_py()["bytes"]
        if row in chosen[::4]:
            as_a_phone_stores_it(photo, file.with_suffix(".heic"))
        else:
            file.write_bytes(photo)
    visitor = Visitor(browser, app[1], viewport={"width": 1180, "height": 820})
    page = visitor.page
    page.goto(f"{page.url.rstrip('/')}/new?source={home / 'Real'}")
    page.get_by_text(re.compile("^12 photos, .* in 3 categories")).wait_for()
    page.locator(".compare").nth(2).wait_for()
    page.wait_for_function("() => [...document.images].every((each) => each.complete && each.naturalWidth > 0)")
    visitor.shot("7-real")
    page.get_by_role("button", name="Protect 12 photos").click()
    page.get_by_text("12 photos are protected.").wait_for()
    visitor.shot("8-real-done")
    visitor.close()
    assert len(list((home / "Real.protected").rglob("*.jpg"))) == 9
    assert len(list((home / "Real.protected").rglob("*.heic"))) == 3


def test_a_proof_from_the_button_to_the_report(
    browser: Any, app: tuple[subprocess.Popen[str], str], home: Path, axe: str | None
) -> None:
    folder = home / "People"
    for person in range(2):
        for number in range(12):
            picture(folder / f"person-{person}" / f"{number}.png", 100 * person + number)
    visitor = Visitor(browser, app[1], viewport={"width": 1180, "height": 820})
    page = visitor.page
    base = page.url.rstrip("/")
    page.goto(f"{base}/new?source={folder}")
    page.get_by_role("button", name="Protect 24 photos").click()
    page.get_by_text("24 photos are protected.").wait_for()
    page.get_by_role("button", name="Prove it").click()
    page.get_by_text(re.compile("Worst case")).wait_for()
    page.get_by_role("cell", name=re.compile("held|weakened|failed")).first.wait_for()
    before = page.get_by_text("What this does not protect").bounding_box()
    button = page.get_by_role("button", name="Download report").bounding_box()
    assert before["y"] < button["y"], "what is not protected comes before the download"
    accessible(page, axe)
    visitor.shot("9-proof")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download numbers (JSON)").click()
    assert json.loads(download.value.path().read_text())["worst"]["verdict"] in ("held", "weakened", "failed")
    report = visitor.context.request.get(f"{base}/report/{page.url.rsplit('/', 1)[1]}/report.html")
    assert report.status == 200
    assert "sandbox" in report.headers["content-security-policy"]
    assert "script" not in report.headers["content-security-policy"]
    visitor.close()
