"""The verbs as a person types them, in this process."""

import json
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unlearnable import __version__
from unlearnable.cli import doctor
from unlearnable.cli._app import run
from unlearnable.imageset import ImageSet
from unlearnable.jobs.owner import OWNER_KEY
from unlearnable.jobs.pairs import read_pairs
from unlearnable.packs import load_pack
from unlearnable.poisons.slots import SlotNoise, _Search


@pytest.fixture(autouse=True)
def _a_known_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(OWNER_KEY, "test")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    generator = np.random.default_rng(0)
    for number in range(6):
        file = root / ("cats" if number % 2 else "dogs") / f"{number}.{'png' if number < 4 else 'jpg'}"
        file.parent.mkdir(parents=True, exist_ok=True)
        small = Image.fromarray(generator.integers(60, 200, (6, 8, 3), dtype=np.uint8))
        small.resize((160, 120), Image.Resampling.BICUBIC).save(file, quality=95)
    return root


def test_the_package_is_the_command_too() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "unlearnable", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == __version__


def test_protect_then_check(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {file: file.read_bytes() for file in photos.rglob("*.*")}
    target = photos.with_name("protected")
    assert run(["protect", str(photos), "-o", str(target), "--jobs", "1"]) == 0
    said = capsys.readouterr().err
    assert "6 photos protected" in said
    assert "lossy" in said
    assert sorted(file.relative_to(photos) for file in before) == sorted(
        file.relative_to(target) for file in target.rglob("*/*.*")
    )
    assert {file: file.read_bytes() for file in before} == before
    assert run(["check", str(photos), str(target)]) == 0
    assert "6 of 6 files" in capsys.readouterr().err
    assert run(["protect", str(photos), "-o", str(target), "--jobs", "1"]) == 0
    assert "6 were there already" in capsys.readouterr().err


def test_several_folders_are_protected_into_one_and_checked(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parts, target = [str(photos / "cats"), str(photos / "dogs")], str(photos.with_name("protected"))
    assert run(["protect", *parts, "-o", target, "--jobs", "1"]) == 0
    assert run(["check", *parts, target]) == 0
    assert "6 of 6 files" in capsys.readouterr().err
    pairs, _ = read_pairs([Path(part) for part in parts], Path(target), None)
    assert len(pairs) == 6
    assert run(["check", parts[0], target]) == 1, "half of the originals are not there"


def test_a_changed_file_fails_the_check(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = photos.with_name("protected")
    run(["protect", str(photos), "-o", str(target), "-q", "--jobs", "1"])
    victim = target / "dogs" / "0.png"
    Image.open(victim).rotate(180).save(victim)
    capsys.readouterr()
    assert run(["check", str(photos), str(target), "--json"]) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["output"] for line in lines[:-1] if line["problems"]] == ["dogs/0.png"]
    assert lines[-1] == {"kind": "summary", "checked": 6, "good": 5, "problems": 1}


def test_one_name_for_all_and_a_dry_run(
    photos: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    target = photos.with_name("protected")
    monkeypatch.delenv(OWNER_KEY)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(photos.with_name("config")))
    assert run(["protect", str(photos), "-o", str(target), "--category", "me", "--dry-run"]) == 0
    assert "me (6)" in capsys.readouterr().err
    assert not target.exists()
    assert not photos.with_name("config").exists()


def test_json_lines(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = photos.with_name("protected")
    (photos / "cats" / "broken.jpg").write_bytes(b"\xff\xd8\xff no")
    assert run(["protect", str(photos), "-o", str(target), "--json", "--jobs", "1"]) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["state"] for line in lines[:-1]].count("protected") == 6
    assert [line["state"] for line in lines[:-1]].count("failed") == 1
    assert lines[-1]["failed"] == 1


@pytest.mark.parametrize("options", [["--jobs", "1"], ["--dry-run"]])
def test_what_the_plan_knows_is_said(photos: Path, options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    labels = photos.with_name("labels.csv")
    labels.write_text("cats/1.png,me\ncats/typo.png,me\n")
    command = ["protect", str(photos), "-o", str(photos.with_name("out")), "--labels", str(labels), *options]
    assert run([*command, "--json"]) == 1
    told = capsys.readouterr()
    lines = [json.loads(line) for line in told.out.splitlines()]
    assert {Path(line["source"]).name for line in lines[:5] if line["state"] == "failed"} == {
        f"{number}.{'png' if number < 4 else 'jpg'}" for number in (0, 2, 3, 4, 5)
    }
    assert all("names no category" in line["reason"] for line in lines[:5])
    assert lines[5] == {"kind": "warning", "reason": f"{labels} names 'cats/typo.png', which is not there"}
    assert "'cats/typo.png', which is not there" in told.err
    assert run(command) == 1
    assert "'cats/typo.png', which is not there" in capsys.readouterr().err


def test_home_is_found_behind_an_equals_sign(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(photos.parent)
    monkeypatch.setenv("HOME", str(photos.with_name("home")))
    assert run(["protect", str(photos), "--output=~/out", "--jobs", "1", "-q"]) == 0
    assert (photos.with_name("home") / "out" / "manifest.jsonl").is_file()
    assert not Path("~").exists()


def test_other_runs_of_one_owner_give_a_name_the_same_noise(photos: Path) -> None:
    slots = []
    for name in ("one", "two"):
        target = photos.with_name(name)
        run(["protect", str(photos), "-o", str(target), "-q", "--jobs", "1"])
        entries = [json.loads(line) for line in (target / "manifest.jsonl").read_text().splitlines()]
        slots.append({entry["category"]: entry["code"] for entry in entries if entry["kind"] == "file"})
    assert slots[0] == slots[1]
    assert len(set(slots[0].values())) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["protect", "PHOTOS", "-o", "PHOTOS/out"], "overlaps"),
        (["protect", "PHOTOS", "-o", "PHOTOS"], "overlaps"),
        (["protect", "absent", "-o", "out"], "no file or folder absent"),
        (["protect", "PHOTOS", "-o", "out", "--pack", "photo-64"], "did you mean photos-64"),
        (["protect", "PHOTOS", "-o", "out", "--strenght", "low"], "--strength"),
        (["protect", "PHOTOS", "-o", "out", "--strength", "huge"], "huge"),
        (["protect", "PHOTOS", "-o", "out", "--jobs", "0"], "--jobs must be at least 1"),
        (["protect", "PHOTOS"], "--output"),
        (["protcet", "PHOTOS"], "protect"),
        (["check", "PHOTOS", "PHOTOS"], "manifest"),
        (["check", "PHOTOS"], "name the originals first"),
        (["prove", "PHOTOS"], "name the originals first"),
        (["prove", "PHOTOS", "absent"], "no folder absent"),
        (["prove", "PHOTOS", "EMPTY"], "no photo of"),
        (["pack", "show", "nope"], "unknown pack"),
        (["doctor", "--device", "abacus"], "device must be auto"),
    ],
)
def test_wrong_use_is_one_sentence(
    photos: Path,
    tmp_path: Path,
    arguments: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    typed = [word.replace("PHOTOS", str(photos)).replace("EMPTY", "empty") for word in arguments]
    assert run(typed) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1
    assert "Traceback" not in told
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (KeyboardInterrupt, 130, "Stopped."),
        (MemoryError, 2, "not enough memory"),
        (BrokenPipeError, 0, ""),
        (ZeroDivisionError("by zero"), 2, "ZeroDivisionError: by zero (UNLEARNABLE_TRACE=1 shows where)"),
    ],
)
def test_what_stops_a_command_is_one_sentence(
    photos: Path,
    raised: type[BaseException] | BaseException,
    code: int,
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stopped(*values: object, **options: object) -> None:
        raise raised

    monkeypatch.setattr("unlearnable.cli.check.run", stopped)
    assert run(["check", str(photos), str(photos), "-q"]) == code
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == (1 if said else 0)


def test_a_trace_is_shown_on_request(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*values: object, **options: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("unlearnable.cli.check.run", stopped)
    monkeypatch.setenv("UNLEARNABLE_TRACE", "1")
    with pytest.raises(ZeroDivisionError):
        run(["check", str(photos), str(photos), "-q"])


def test_too_few_photos_for_a_proof(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = photos.with_name("protected")
    run(["protect", str(photos), "-o", str(target), "-q", "--jobs", "1"])
    capsys.readouterr()
    assert run(["prove", str(photos), str(target), "-q"]) == 2
    said = capsys.readouterr().err
    assert "6 protected photos in 2 categories" in said
    assert "--with FOLDER" in said


@pytest.mark.parametrize(("extra", "channels"), [([], 4), (["--grey"], 3)])
def test_pack_build(photos: Path, monkeypatch: pytest.MonkeyPatch, extra: list[str], channels: int) -> None:
    """The searches themselves have tests of their own; here the verb keeps what they find."""
    settings = []

    def found(self: SlotNoise, data: ImageSet, *_: object) -> np.ndarray:
        settings.append((data.pixels.shape, self.steps, self.grey_steps))
        return np.full((len(data.classes), *data.pixels.shape[1:]), 3.0 + data.pixels.shape[1])

    monkeypatch.setattr(SlotNoise, "run", found)
    file = photos.with_name("mine.safetensors")
    assert run(["pack", "build", str(photos), "-o", str(file), "--slots", "5", "--licence", "CC0", *extra]) == 0
    pack = load_pack(file)
    assert (pack.slots, pack.licence, pack.source) == (5, "CC0", photos.name)
    assert pack.noise.bank.shape == (5, channels, 64, 64)
    assert set(np.unique(pack.noise.bank[:, :3])) == {6}
    colour = ((6, 3, 64, 64), 500, 600 if extra else 0)
    assert settings == ([colour] if extra else [colour, ((6, 1, 64, 64), 600, 0)])
    target = photos.with_name("with-it")
    assert run(["protect", str(photos), "-o", str(target), "--pack", str(file), "--jobs", "1"]) == 0
    assert run(["pack", "build", str(photos), "-o", str(file)]) == 2


def test_pack_build_goes_on_where_it_was_stopped(
    photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("unlearnable.cli.pack.GREY_STEPS", 3)
    monkeypatch.setattr("unlearnable.poisons.slots.SlotNoise", partial(SlotNoise, batch_size=8, steps=2))
    monkeypatch.setattr("unlearnable.poisons._checkpoint.EVERY", 0.0)
    whole, again = photos.with_name("whole.safetensors"), photos.with_name("new") / "again.safetensors"
    build = ["pack", "build", str(photos), "--slots", "5", "-o"]
    assert run([*build, str(whole)]) == 0
    steps, stop = [], 4  # in the second search

    def step(self: _Search, number: int) -> tuple[str, float]:
        if len(steps) == stop:
            raise KeyboardInterrupt
        steps.append(number)
        return real(self, number)

    real = _Search.step
    monkeypatch.setattr(_Search, "step", step)
    assert run([*build, str(again)]) == 130
    assert not again.exists()
    stop = -1
    assert run([*build, str(again)]) == 0
    assert steps == [0, 1, 0, 1, 2]  # none twice
    assert np.array_equal(load_pack(again).noise.bank, load_pack(whole).noise.bank)
    assert [each.name for each in again.parent.iterdir()] == [again.name]
    assert "Going on" in capsys.readouterr().err


def test_pack_list_and_show(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["pack", "list"]) == 0
    assert "photos-64" in capsys.readouterr().out
    assert run(["pack", "show", "photos-64", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["codes"].startswith("512: 64 slots")


def test_doctor_measures_this_machine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "PROBE_SECONDS", 0.1)
    monkeypatch.setattr(doctor, "PROBE_IMAGES", 128)
    assert run(["doctor", "--device", "cpu", "--folder", str(tmp_path), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["unlearnable"].startswith(__version__)
    assert "(cpu, " in facts["device"]
    assert facts["computes in"] in ("bfloat16", "float32")
    assert str(tmp_path) in facts["free disk"]
    assert {"JPEG", "PNG", "TIFF", "WebP"} <= set(facts["photo formats"].split(", "))
    assert int(re.search(r"about (\d+) photos", facts["protecting"])[1]) > 0
    assert int(re.search(r"(\d+) images of 64x64", facts["training"])[1]) > 0
    assert "1,000 photos (18 trainings of 30 epochs" in facts["a proof"]
    assert run(["doctor", "--device", "cpu", "--folder", str(tmp_path)]) == 0
    assert "photo formats" in capsys.readouterr().out


def test_the_owner_key_is_made_once_and_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from unlearnable.jobs import owner

    monkeypatch.delenv(OWNER_KEY)
    monkeypatch.setattr(owner, "user_config_path", lambda name: tmp_path / name)
    key = owner.owner_key(None)
    assert len(key) == 32
    assert owner.owner_key(None) == key
    file = tmp_path / "unlearnable" / "owner.key"
    assert file.stat().st_mode & 0o077 == 0
    file.write_bytes(b"")
    with pytest.raises(ValueError, match="empty"):
        owner.owner_key(None)
    with pytest.raises(ValueError, match="cannot be read"):
        owner.owner_key(tmp_path / "absent")
    with pytest.raises(ValueError, match="put a secret in it"):
        owner.owner_key(file)
    monkeypatch.setattr(owner, "user_config_path", lambda name: file / name)
    with pytest.raises(ValueError, match="cannot be made .*--owner-key"):
        owner.owner_key(None)
