"""Two thousand photos: the page lists fifty, and the server's memory stays where it was."""

import re
import signal
from pathlib import Path
from typing import Any

import pytest

from app.conftest import picture
from app.test_journey import Visitor, browser, pytestmark  # noqa: F401 - the browser is a fixture
from app.test_server import listening
from unlearnable.app.server import free_port

PHOTOS = 2000


def resident_megabytes(process: int) -> float:
    """Return the resident memory of a process."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


@pytest.mark.slow
def test_a_large_folder_stays_responsive_and_flat_in_memory(
    browser: Any,  # noqa: F811
    tmp_path: Path,
    home: Path,
) -> None:
    folder = home / "Large"
    picture(folder / "all" / "0000.jpg", 0, (640, 480))
    first = (folder / "all" / "0000.jpg").read_bytes()
    for number in range(1, PHOTOS):
        (folder / "all" / f"{number:04d}.jpg").write_bytes(first)
    process, url = listening(tmp_path / "desk", home, free_port(19400))
    visitor = Visitor(browser, url)
    page = visitor.page
    before = resident_megabytes(process.pid)
    page.goto(f"{page.url.rstrip('/')}/new?source={folder}")
    page.get_by_role("button", name=f"Protect {PHOTOS} photos").click()
    page.wait_for_url("**/job/*")
    page.locator(".file").nth(49).wait_for()
    assert page.locator(".file").count() == 50
    page.get_by_role("button", name="Waiting").click()
    page.get_by_role("button", name="Pause").click()
    page.get_by_text(re.compile("files, paused")).wait_for()
    page.get_by_role("button", name="Go on").click()
    page.get_by_text(f"{PHOTOS} photos are protected.").wait_for(timeout=600_000)
    after = resident_megabytes(process.pid)
    visitor.close()
    process.send_signal(signal.SIGINT)
    process.wait(60)
    assert after < before + 150, f"{before:.0f} MB before, {after:.0f} MB after"
