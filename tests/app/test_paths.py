"""Attacks on the folder picker and on file names."""

from pathlib import Path

import pytest

from unlearnable.app.paths import LONGEST_NAME, OutsideError, Places, safe_name


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home" / "Photos").mkdir(parents=True)
    (tmp_path / "home" / ".ssh").mkdir()
    (tmp_path / "secret").mkdir()
    (tmp_path / "home" / "out").symlink_to(tmp_path / "secret")
    (tmp_path / "home" / "loop").symlink_to(tmp_path / "home" / "loop")
    return tmp_path / "home"


def test_folders_below_home_are_seen_and_hidden_ones_and_ways_out_are_not(home: Path) -> None:
    places = Places.of([home])
    assert places.inside(str(home / "Photos")) == home / "Photos"
    assert [path.name for path in places.folders(home)] == ["Photos"]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("{home}/../secret", "outside the folders"),
        ("{home}/out", "outside the folders"),
        ("{home}/Photos/../../secret", "outside the folders"),
        ("/etc", "outside the folders"),
        ("{home}/Photos\0/etc", "no folder name"),
        ("{home}/a\nb", "no folder name"),
        ("", "no folder name"),
        ("   ", "no folder name"),
        ("Photos", "give the whole path"),
        ("../secret", "give the whole path"),
        ("\\\\server\\share", "network paths"),
        ("//server/share", "network paths"),
    ],
)
def test_ways_out_are_refused_in_one_sentence(home: Path, path: str, words: str) -> None:
    with pytest.raises(OutsideError, match=words):
        Places.of([home]).inside(path.format(home=home))


def test_a_loop_of_links_is_a_sentence(home: Path) -> None:
    with pytest.raises(OutsideError):
        Places.of([home]).folders(home / "loop")


def test_other_folders_have_to_be_allowed(home: Path) -> None:
    assert Places.of([home, home.parent / "secret"]).inside(str(home / "out")) == home.parent / "secret"
    with pytest.raises(ValueError, match="there is no folder"):
        Places.of([home / "gone"])


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("holiday.jpg", "holiday.jpg"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("/abs/x.png", "x.png"),
        ("a\0b.jpg", "a_b.jpg"),
        ("con.jpg", "_con.jpg"),
        ("name. ", "name"),
        ('<img src=x onerror="alert(1)">.jpg', "_img src=x onerror=_alert(1)__.jpg"),
        ("été.jpg", "été.jpg"),
        (".hidden.jpg", "hidden.jpg"),
    ],
)
def test_an_uploaded_name_is_a_plain_file_name(given: str, kept: str) -> None:
    assert safe_name(given) == kept


@pytest.mark.parametrize("given", ["", "..", "/", " . "])
def test_a_name_of_nothing_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match="without a name"):
        safe_name(given)


def test_a_long_name_keeps_its_type() -> None:
    kept = safe_name("x" * 500 + ".jpeg")
    assert len(kept) == LONGEST_NAME
    assert kept.endswith(".jpeg")


def test_uploads_have_limits_that_no_browser_can_lift(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from unlearnable.app.pages import home as page

    page.within_limits(tmp_path, page.UPLOAD_BYTES)
    with pytest.raises(ValueError, match="At most 500 photos"):
        page.within_limits(tmp_path, page.UPLOAD_BYTES + 1)
    monkeypatch.setattr(page, "UPLOAD_FILES", 2)
    monkeypatch.setattr(page, "UPLOAD_TOTAL", 100)
    (tmp_path / "a").write_bytes(b"x" * 60)
    page.within_limits(tmp_path, 40)
    with pytest.raises(ValueError, match="larger folders are chosen"):
        page.within_limits(tmp_path, 41)
    (tmp_path / "b").write_bytes(b"")
    with pytest.raises(ValueError, match="At most"):
        page.within_limits(tmp_path, 1)
