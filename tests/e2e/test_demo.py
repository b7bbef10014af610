"""`make demo`'s command: photos protected, a proof trained (against one countermeasure), a report written."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from unlearnable.cli._app import run

pytest.importorskip("skimage")
pytest.importorskip("sklearn")


BROWSERS_OWN = (".google.com", ".googleapis.com", ".gvt1.com", ".gvt2.com")

TRIED = ("jpeg:10",)
"""Every row is trained by the same lines; each is a quarter of a minute on a slow core."""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, offline: None) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("unlearnable.cli.demo.TRIED", TRIED)
        assert run(["demo", "-o", str(folder), "-q"]) == 0
    return folder


def test_the_proof_shows_the_protection(demo: Path) -> None:
    proof = json.loads((demo / "report.json").read_text())
    rows = {row["name"]: row for row in proof["rows"]}
    assert len(proof["seeds"]) >= 2
    assert rows["clean"]["last"] > 90
    assert rows["random"]["best"] > rows["protected"]["best"] + 10
    assert rows["protected"]["verdict"] == "held"
    assert proof["worst"]["best"] == max(row["best"] for row in proof["rows"] if row["kind"] != "control")


def test_every_sample_photo_is_protected_and_checks(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", str(demo / "photos"), str(demo / "photos.protected"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {
        "kind": "summary",
        "checked": 7,
        "good": 7,
        "problems": 0,
    }


def test_a_second_run_goes_on_from_the_first(demo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unlearnable.cli.demo.TRIED", TRIED)
    kept = {file: file.stat().st_mtime_ns for file in (demo / "trainings").iterdir()}
    assert run(["demo", "-o", str(demo), "-q"]) == 0
    assert {file: file.stat().st_mtime_ns for file in (demo / "trainings").iterdir()} == kept


def test_a_browser_shows_the_report_and_asks_for_nothing_else(demo: Path, tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium on this machine: install it to see the report rendered")
    picture, log = tmp_path / "report.png", tmp_path / "net.json"
    quiet = "headless no-sandbox disable-gpu disable-quic no-first-run disable-background-networking disable-sync"
    flags = [f"--{flag}" for flag in [*quiet.split(), "disable-component-update"]]
    page = (demo / "report.html").resolve().as_uri()
    done = subprocess.run(
        [
            browser,
            *flags,
            f"--user-data-dir={tmp_path / 'profile'}",
            f"--log-net-log={log}",
            "--window-size=1000,3000",
            f"--screenshot={picture}",
            page,
        ],
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()[-500:]
    assert picture.stat().st_size > 50_000
    # the browser itself may look for its maker; the page may look for nobody
    asked = set(re.findall(r'"url":"((?:https?|ftp|ws|wss)://[^"]+)"', log.read_text(errors="replace")))
    hosts = {address.split("/")[2].split(":")[0] for address in asked}
    assert not {host for host in hosts if host.startswith("fonts.") or not host.endswith(BROWSERS_OWN)}
    assert not re.search(r'(?:src|href)="(?!data:|#)', (demo / "report.html").read_text())
