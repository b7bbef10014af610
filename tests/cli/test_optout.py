"""`protect --optout` and `unlearnable optout`."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unlearnable import media
from unlearnable.cli._app import run
from unlearnable.jobs.owner import OWNER_KEY
from unlearnable.protect import check


@pytest.fixture(autouse=True)
def _owner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(OWNER_KEY, "test")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    generator = np.random.default_rng(0)
    for name in ("a.jpg", "b.png", "c.webp"):
        small = Image.fromarray(generator.integers(40, 200, (5, 5, 3), dtype=np.uint8))
        small.resize((64, 64), Image.Resampling.BICUBIC).save(folder / name, quality=95)
    return folder


def test_photos_are_protected_with_a_request_and_it_is_read(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run(["protect", str(photos), "-o", str(out), "--optout", "ai", "-q"]) == 0
    assert check(photos, out).exit_code == 0
    files = [str(out / name) for name in ("a.jpg", "b.png", "c.webp")]
    assert run(["optout", "read", *files, str(photos / "a.jpg")]) == 0
    said = capsys.readouterr().err
    assert said.count("prohibits training AI or machine learning") == 3
    assert "asks for nothing" in said
    assert run(["optout", "read", files[0], str(tmp_path / "gone.jpg"), "--json"]) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[0]["value"] == media.OPTOUT_VALUES["ai"]
    assert "cannot be read" in lines[1]["meaning"]


def test_another_request_writes_again_and_none_keeps_what_an_earlier_version_wrote(
    photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert run(["protect", str(photos), "-o", str(out), "-q"]) == 0
    before = (out / "b.png").stat().st_mtime_ns, (out / "b.png").read_bytes()
    assert run(["protect", str(photos), "-o", str(out), "-q"]) == 0
    assert ((out / "b.png").stat().st_mtime_ns, (out / "b.png").read_bytes()) == before, "it is not written again"
    assert run(["protect", str(photos), "-o", str(out), "--optout", "genai", "-q"]) == 0
    picture = media.decode((out / "b.png").read_bytes())
    assert media.read_optout(picture.metadata.xmp) == media.OPTOUT_VALUES["genai"]
    assert np.array_equal(picture.pixels, media.decode(before[1]).pixels), "the noise is the same"


def test_a_website_says_it_in_every_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "site"
    assert run(["optout", "site", "-o", str(out), "--location", "/art/*", "--policy", "https://example.org/x"]) == 0
    assert "These are requests" in capsys.readouterr().err
    (reserved,) = json.loads((out / ".well-known" / "tdmrep.json").read_text())
    assert reserved == {"location": "/art/*", "tdm-reservation": 1, "tdm-policy": "https://example.org/x"}
    headers = (out / "headers.txt").read_text().splitlines()
    assert headers == ["tdm-reservation: 1", "tdm-policy: https://example.org/x", "X-Robots-Tag: noai, noimageai"]
    robots = (out / "robots-lines.txt").read_text()
    assert "User-agent: GPTBot\n" in robots
    assert robots.endswith("Disallow: /art/*\n")
    assert "Disallow: *.jpg" in (out / "ai.txt").read_text()
    assert run(["optout", "site", "-o", str(out)]) == 2
    assert "name a new folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--location", "art"], "begins with /"),
        (["--location", "/a b"], "begins with /"),
        (["--policy", "javascript:x"], "whole address"),
    ],
)
def test_wrong_addresses_are_one_sentence(
    options: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["optout", "site", "-o", str(tmp_path / "x"), *options]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_robots_is_read_as_meant_by_a_parser(tmp_path: Path) -> None:
    from urllib.robotparser import RobotFileParser

    from unlearnable.protect.website import site_files

    parser = RobotFileParser()
    parser.parse(site_files()["robots-lines.txt"].splitlines())
    assert not parser.can_fetch("GPTBot", "https://example.org/photo.jpg")
    assert parser.can_fetch("SomeSearchEngine", "https://example.org/photo.jpg")
