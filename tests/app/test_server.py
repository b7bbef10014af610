"""The server: ports, a second launch, and what it hands out."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Iterator
from pathlib import Path

import pytest

from unlearnable.app import server
from unlearnable.app.server import free_port
from unlearnable.cli._app import run
from unlearnable.evaluation.store import claimed


def _two_cores() -> None:
    """Protect with two workers on any machine: with many, a job could be done before it is paused or killed."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])


def listening(data: Path, home: Path, port: int, **environment: str) -> tuple[subprocess.Popen[str], str]:
    """Start the app and wait until it says its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "unlearnable.cli", "app", "--no-browser", "--port", str(port), "--data", str(data)],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "HOME": str(home), "OMP_NUM_THREADS": "1", **environment},
        preexec_fn=_two_cores,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "The app is at" in line:
            return process, line.split("The app is at ")[1].strip()
    raise AssertionError(f"it ended with {process.wait()}")


@pytest.fixture
def app(tmp_path: Path, home: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process, url = listening(tmp_path / "desk", home, free_port(18700))
    yield process, url
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *values: object) -> None:
        return None


OPENER = urllib.request.build_opener(_NoRedirect)


def get(url: str, cookie: str = "", **headers: str) -> tuple[int, dict[str, str], bytes]:
    request = urllib.request.Request(url, headers={"cookie": cookie, **headers})  # noqa: S310 - our own
    try:
        with OPENER.open(request, timeout=60) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read()


def test_only_with_the_key_only_on_loopback_and_a_second_launch_opens_the_first(
    app: tuple[subprocess.Popen[str], str],
    tmp_path: Path,
    home: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, url = app
    base = url.split("/?")[0]
    assert get(f"{base}/")[0] == 403
    assert get(f"{base}/assets/style.css")[0] == 403
    status, headers, _ = get(url)
    assert status == 303
    cookie = headers["set-cookie"].split(";")[0]
    status, headers, body = get(f"{base}/", cookie)
    assert status == 200
    assert b"<noscript>" in body
    assert b"needs JavaScript" in body
    assert "default-src 'none'" in headers["content-security-policy"]
    assert get(f"{base}/assets/style.css", cookie)[0] == 200
    for attack in (
        "/assets/..%2f..%2fguard.py",
        "/assets/%2e%2e/%2e%2e/guard.py",
        "/thumb/../../etc/passwd",
        "/photo/..%2fx",
    ):
        status, _, body = get(f"{base}{attack}", cookie)
        assert status in (404, 422), attack
        assert b"class Guard" not in body
    for path in ("/zip/none", "/report/none/report.html", "/report/none/..%2f..%2fapp.json", "/thumb/none/0"):
        assert get(f"{base}{path}", cookie)[0] == 404, path
    assert get(f"{base}/docs", cookie)[0] == 404
    assert get(f"{base}/openapi.json", cookie)[0] == 404
    note = tmp_path / "desk" / "app.json"
    assert note.stat().st_mode & 0o077 == 0, "the key is this user's only"
    assert json.loads(note.read_text())["url"] == url
    port = int(base.rsplit(":", 1)[1])
    for address in _other_addresses():
        with socket.socket() as probe:
            assert probe.connect_ex((address, port)) != 0, "it listens on loopback only"
    assert (tmp_path / "desk").stat().st_mode & 0o077 == 0
    assert run(["app", "--no-browser", "--data", str(tmp_path / "desk")]) == 0
    assert f"running already: {url}" in capsys.readouterr().err.replace("\n", "")
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    assert run(["app", "--data", str(tmp_path / "desk")]) == 0
    (once,) = opened
    assert url.rpartition("=")[2] not in once, "all users of a computer can read what a browser is started with"
    assert [get(once)[0] for _ in range(2)] == [303, 403]


def _other_addresses() -> list[str]:
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    except OSError:
        return []
    return [str(address) for address in found if not str(address).startswith("127.")]


def test_a_taken_port_gives_the_next_one() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = holder.getsockname()[1]
        assert taken < free_port(taken) < taken + 50
    with pytest.raises(ValueError, match="all taken"):
        free_port(70000)


def test_ctrl_c_ends_it_and_the_next_start_is_clean(tmp_path: Path, home: Path) -> None:
    process, _ = listening(tmp_path / "desk", home, free_port(18800))
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    assert not (tmp_path / "desk" / "app.json").exists()


def test_after_kill_9_the_next_start_works(tmp_path: Path, home: Path) -> None:
    process, url = listening(tmp_path / "desk", home, free_port(18900))
    process.kill()
    process.wait()
    time.sleep(0.1)
    again, other = listening(tmp_path / "desk", home, free_port(18900))
    assert other != url, "a new key for every launch"
    again.send_signal(signal.SIGTERM)
    assert again.wait(60) == 0


def test_a_launch_while_another_is_starting_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with claimed(tmp_path / "app.lock"):
        assert run(["app", "--no-browser", "--data", str(tmp_path)]) == 2
    assert "try again in a few seconds" in capsys.readouterr().err


def test_wrong_use_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["app", "--port", "0"]) == 2
    assert "--port must be 1 to 65535" in capsys.readouterr().err
    assert run(["app", "--no-browser", "--data", str(tmp_path / "x"), "--allow", str(tmp_path / "gone")]) == 2
    assert "there is no folder" in capsys.readouterr().err


def test_a_launch_tidies_what_was_dropped_long_ago(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dropped = tmp_path / "uploads" / "photos-2026-01-02-030405-000006"
    dropped.mkdir(parents=True)
    os.utime(dropped, (0, 0))
    # The toolkit mounts itself once a process, and not after another test has started it: the pages are left out.
    monkeypatch.setattr(server, "build", lambda *values, **names: None)
    monkeypatch.setattr(server, "_run", lambda *values: None)
    server.serve(folder=tmp_path, browser=False, say=lambda words: None)
    assert not dropped.exists()
