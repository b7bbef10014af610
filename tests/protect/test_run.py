"""Runs: what is redone, what is kept, how they end, and that kill -9 loses nothing."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import crashing_worker
from unlearnable.jobs.pairs import read_pairs
from unlearnable.media import decode
from unlearnable.protect import MANIFEST, ProtectOptions, check, ledger, plan, pool, protect, run, worker

OPTIONS = ProtectOptions()


def photos(root: Path, count=4, size=(96, 64)):
    for number in range(count):
        rng = np.random.default_rng(number)
        path = root / f"class{number % 2}" / f"{number}.{'png' if number % 3 else 'jpg'}"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(40, 216, (8, 12, 3)).astype(np.uint8)
        Image.fromarray(pixels).resize(size, Image.BICUBIC).save(path)
    return root


def noise_for(names, seed=0):
    rng = np.random.default_rng(seed)
    return {name: rng.choice(np.array([-8, 8], np.int8), (3, 16, 16)) for name in sorted(names)}


def go(root, output, options=OPTIONS, seed=0, **kwargs):
    job = plan([root], output, options)
    names = job.categories
    return protect(job, noise_for(names, seed), {name: slot for slot, name in enumerate(names)}, **kwargs)


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }


def test_a_second_run_keeps_everything(tmp_path):
    root, output = photos(tmp_path / "in"), tmp_path / "out"
    first = go(root, output)
    times = {path: path.stat().st_ino for path in output.rglob("*.*g")}
    second = go(root, output)
    assert (first.protected, first.kept, second.protected, second.kept) == (4, 0, 0, 4)
    assert {path: path.stat().st_ino for path in output.rglob("*.*g")} == times


def torn(output):
    path = output / "class0" / "0.jpg"
    path.write_bytes(path.read_bytes()[:900] + bytes(100))


CHANGES = {
    "output missing": (lambda root, output: (output / "class0" / "0.jpg").unlink(), {}, 1),
    "output empty": (lambda root, output: (output / "class0" / "0.jpg").write_bytes(b""), {}, 1),
    "output torn": (lambda root, output: torn(output), {}, 1),
    "input changed": (lambda root, output: photos(root, 1, size=(50, 50)), {}, 1),
    "new input": (lambda root, output: Image.new("RGB", (9, 9), "gray").save(root / "class1" / "new.png"), {}, 1),
    "other strength": (lambda root, output: None, {"options": ProtectOptions(epsilon=16)}, 4),
    "other noise": (lambda root, output: None, {"seed": 1}, 4),
    "other pack": (lambda root, output: None, {"options": ProtectOptions(pack_hash="f00")}, 4),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_run_redoes_exactly_what_changed(tmp_path, change):
    root, output = photos(tmp_path / "in"), tmp_path / "out"
    go(root, output)
    act, again, redone = CHANGES[change]
    act(root, output)
    summary = go(root, output, **again)
    assert summary.protected == redone
    assert summary.failures == ()
    assert go(root, output, **again).protected == 0


@pytest.mark.parametrize("options", [OPTIONS, ProtectOptions(epsilon=16)])
def test_a_protected_copy_that_was_edited_is_kept(tmp_path, options):
    root, output = photos(tmp_path / "in"), tmp_path / "out"
    go(root, output)
    place = output / "class0" / "0.jpg"
    Image.open(place).rotate(90).save(place)
    edited = place.read_bytes()
    summary = go(root, output, options)
    assert place.read_bytes() == edited
    assert [failure.reason for failure in summary.failures] == [
        "its protected copy was changed since: move 'class0/0.jpg' away"
    ]
    place.unlink()
    assert go(root, output, options).failures == ()


def test_copies_are_not_protected_again(tmp_path):
    root = photos(tmp_path / "in")
    go(root, tmp_path / "out")
    for copies in (tmp_path / "out", tmp_path / "out" / "class0", tmp_path / "out" / "class0" / "0.jpg"):
        with pytest.raises(ValueError, match="protected already: name the originals"):
            plan([copies], tmp_path / "twice", OPTIONS)
    (tmp_path / "out").rename(root / "in.protected")
    job = plan([root], tmp_path / "twice", OPTIONS)
    assert len(job.items) == 4
    assert [(failure.path.name, failure.reason) for failure in job.failures] == [
        ("in.protected", "it is protected already: such copies are passed over")
    ]
    for theirs in ("their own\n", '{"image": "a.png"}\n', "[1]\n", ""):
        (root / "class0" / MANIFEST).write_text(theirs)
        assert len(plan([root], tmp_path / "twice", OPTIONS).items) == 4


def test_of_a_photo_in_two_formats_the_newest_copy_counts(tmp_path):
    root, output = photos(tmp_path / "in", 1), tmp_path / "out"
    for wanted, newest in (("keep", "0.jpg"), ("png", "0.png"), ("keep", "0.jpg")):
        go(root, output, ProtectOptions(output_format=wanted))
        assert [pair.protected.name for pair in read_pairs([root], output, None)[0]] == [newest]
        problems = {row.output: row.problems for row in check(root, output).problems}
        assert set(problems) == {str(path.relative_to(output)) for path in output.glob("*/*") if path.name != newest}
        assert all(
            said == (f"outdated: class0/{newest} is a newer copy of the same photo",) for said in problems.values()
        )
    lines = len((output / MANIFEST).read_bytes().splitlines())
    assert go(root, output).kept == 1
    assert len((output / MANIFEST).read_bytes().splitlines()) == lines + 1, "a run's own line only"
    (output / "class0" / "0.png").unlink()
    assert check(root, output).exit_code == 0
    go(root, output, ProtectOptions(output_format="png"))
    (output / "class0" / "0.png").unlink()
    assert check(root, output).exit_code == 1
    assert [pair.protected.name for pair in read_pairs([root], output, None)[0]] == ["0.jpg"]


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("least", [255, 254])
def test_an_alpha_channel_that_hides_nothing_may_become_webp(tmp_path, mode, least):
    root, output = photos(tmp_path / "in", 1), tmp_path / "out"
    image = Image.open(root / "class0" / "0.jpg").convert(mode)
    alpha = Image.new("L", image.size, 255)
    alpha.putpixel((0, 0), least)
    image.putalpha(alpha)
    image.save(root / "class0" / "a.png")
    assert go(root, output, ProtectOptions(output_format="webp")).failures == ()
    assert check(root, output).problems == ()


def test_strength_scales_the_noise(tmp_path):
    root = photos(tmp_path / "in")
    for epsilon in (4.0, 8.0, 16.0):
        go(root, tmp_path / str(epsilon), ProtectOptions(epsilon=epsilon, output_format="png"))
        for entry in ledger.read(tmp_path / str(epsilon)).values():
            assert entry.measured["linf"] == epsilon
            assert entry.lossless


def test_the_manifest_says_everything(tmp_path):
    root, output = photos(tmp_path / "in"), tmp_path / "out"
    go(root, output, ProtectOptions(pack="faces", pack_hash="abc"))
    lines = [json.loads(line) for line in (output / MANIFEST).read_text().splitlines()]
    assert [line["kind"] for line in lines] == ["run"] + ["file"] * 4
    assert str(tmp_path) not in (output / MANIFEST).read_text()
    record = next(line for line in lines if line.get("source") == "class0/0.jpg")
    assert record["source_blake2"] == ledger.digest((root / "class0/0.jpg").read_bytes())
    assert record["output_blake2"] == ledger.digest((output / "class0/0.jpg").read_bytes())
    assert record["parameters"]["pack"] == "faces"
    assert (record["category"], record["code"], record["lossless"]) == ("class0", 0, False)
    assert (record["format"], record["mode"], record["size"]) == ("JPEG", "RGB", [96, 64])
    assert set(record["measured"]) == {"linf", "psnr", "ssim", "survival"}
    assert 0.8 < record["measured"]["survival"] < 1.2
    assert 25 < record["measured"]["psnr"] < 40


@pytest.mark.parametrize("jobs", [1, 2])
def test_sources_are_only_read_and_outputs_do_not_depend_on_jobs(tmp_path, jobs):
    root, output = photos(tmp_path / "in"), tmp_path / "out"
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in root.rglob("*.*g")}
    assert go(root, output, jobs=jobs).exit_code == 0
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in root.rglob("*.*g")} == before
    go(root, tmp_path / "reference")
    assert contents(output) == contents(tmp_path / "reference")


def test_weak_survival_is_said_aloud(tmp_path):
    root, output = tmp_path / "in", tmp_path / "out"
    root.mkdir()
    Image.new("RGB", (64, 64), "white").save(root / "white.png")
    summary = go(root, output)
    assert [path.name for path, _ in summary.warnings] == ["white.png"]
    assert "% of the noise survived" in summary.warnings[0][1]
    assert summary.lowest_survival < 0.6
    assert go(root, output).warnings == summary.warnings


def test_progress_counts_up_and_ends_at_zero_seconds(tmp_path):
    seen = []
    go(photos(tmp_path / "in"), tmp_path / "out", progress=seen.append)
    assert [progress.done for progress in seen] == [1, 2, 3, 4]
    assert {progress.total for progress in seen} == {4}
    assert all(progress.seconds_left > 0 for progress in seen[:-1])
    assert seen[-1].seconds_left == 0


@pytest.mark.parametrize("jobs", [1, 2])
def test_asked_to_stop_a_run_ends_after_the_files_under_way(tmp_path, jobs):
    root, output, seen = photos(tmp_path / "in", 8), tmp_path / "out", []
    summary = go(root, output, jobs=jobs, progress=seen.append, stop=lambda: len(seen) >= 2)
    assert summary.stopped
    assert summary.exit_code == 1
    assert summary.not_reached == 8 - len(seen) > 0
    assert len(ledger.read(output)) == len(contents(output)) == len(seen)
    assert go(root, output).protected == summary.not_reached


def test_foreign_files_and_links_in_the_output_are_left_alone(tmp_path):
    root, output = photos(tmp_path / "in"), tmp_path / "out"
    go(root, output)
    Image.new("RGB", (9, 9), "gray").save(root / "class0" / "late.png")
    (output / "class0" / "late.png").write_bytes(b"somebody's own")
    (root / "led").mkdir()
    Image.new("RGB", (9, 9), "gray").save(root / "led" / "away.png")
    (tmp_path / "elsewhere").mkdir()
    (output / "led").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    summary = go(root, output)
    assert (output / "class0" / "late.png").read_bytes() == b"somebody's own"
    assert not list((tmp_path / "elsewhere").iterdir())
    assert sorted(failure.path.name for failure in summary.failures) == ["away.png", "late.png"]


@pytest.mark.parametrize(
    ("fault", "word"), [("louder", "left the budget"), ("alpha", "did not hold it"), ("smaller", "did not hold it")]
)
def test_a_codec_that_writes_something_else_is_found_out(tmp_path, monkeypatch, fault, word):
    root, output = tmp_path / "in", tmp_path / "out"
    root.mkdir()
    Image.new("RGBA", (30, 20), (90, 100, 110, 128)).save(root / "a.png")
    real = worker.media.encode

    def encode(picture, target):
        wrong = {
            "louder": lambda: replace(picture, pixels=picture.pixels + np.uint8(9)),
            "alpha": lambda: replace(picture, alpha=picture.alpha + np.uint8(1)),
            "smaller": lambda: replace(picture, pixels=picture.pixels[1:], alpha=picture.alpha[1:]),
        }[fault]()
        return real(wrong, target)

    monkeypatch.setattr(worker.media, "encode", encode)
    summary = go(root, output)
    assert word in summary.failures[0].reason
    assert contents(output) == {}


def test_two_categories_in_one_slot_and_missing_noise_are_refused(tmp_path):
    root, output = photos(tmp_path / "in"), tmp_path / "out"
    job = plan([root], output, OPTIONS)
    with pytest.raises(ValueError, match="share code 7"):
        protect(job, noise_for(job.categories), {"class0": 7, "class1": 7})
    with pytest.raises(ValueError, match="'class1' has no noise"):
        protect(job, noise_for(["class0"]), {"class0": 1, "class1": 2})
    loud = {name: levels * np.int8(2) for name, levels in noise_for(job.categories).items()}
    with pytest.raises(ValueError, match="reaches 16 levels, its pack allows 8"):
        protect(job, loud, {"class0": 1, "class1": 2})
    with pytest.raises(ValueError, match="jobs"):
        protect(job, noise_for(job.categories), {"class0": 1, "class1": 2}, jobs=0)
    assert not output.exists()


def test_one_run_at_a_time(tmp_path):
    root, output = photos(tmp_path / "in"), tmp_path / "out"
    go(root, output)
    with ledger.Ledger(output), pytest.raises(ValueError, match="another run"):
        go(root, output)


@pytest.mark.parametrize(("mode", "copied"), [(0o600, 0o600), (0o640, 0o640), (0o777, 0o644), (0o444, 0o644)])
def test_who_may_not_read_a_photo_may_not_read_its_copy(tmp_path, mode, copied):
    root, output = photos(tmp_path / "in", 1), tmp_path / "out"
    (root / "class0" / "0.jpg").chmod(mode)
    before = os.umask(0o022)
    try:
        go(root, output)
    finally:
        os.umask(before)
    assert (output / "class0" / "0.jpg").stat().st_mode & 0o777 == copied
    assert (output / MANIFEST).stat().st_mode & 0o777 == 0o600


def test_a_torn_line_is_cut_off_and_a_foreign_manifest_is_refused(tmp_path):
    root, output = photos(tmp_path / "in"), tmp_path / "out"
    go(root, output)
    raw = (output / MANIFEST).read_bytes()
    (output / MANIFEST).write_bytes(raw[:-40])
    assert go(root, output).protected == 1
    assert len(ledger.read(output)) == 4
    (output / MANIFEST).write_text("not json\n")
    with pytest.raises(ValueError, match="line 1"):
        go(root, output)


@pytest.mark.parametrize(
    "edit",
    [
        {"parameters": {}},
        {"parameters": None},
        {"measured": {"survival": "0.9", "linf": 8, "psnr": 30, "ssim": 1}},
        {"measured": [1]},
        {"code": "7"},
        {"output": 3},
        {"size": 9},
        {"surplus": 1},
    ],
)
def test_a_manifest_that_was_edited_wrongly_is_named(tmp_path, edit):
    root, output = photos(tmp_path / "in", 1), tmp_path / "out"
    go(root, output)
    first, line = (output / MANIFEST).read_text().splitlines()
    (output / MANIFEST).write_text(f"{first}\n{json.dumps({**json.loads(line), **edit})}\n")
    with pytest.raises(ValueError, match=rf"line 2 of .*{MANIFEST} is not a manifest line"):
        check(root, output)


def test_a_crashing_decoder_costs_one_file(tmp_path, monkeypatch):
    root, output = photos(tmp_path / "in", 6), tmp_path / "out"
    monkeypatch.setattr(pool, "serve", crashing_worker.serve)
    summary = go(root, output, jobs=2)
    assert [(failure.path.name, failure.reason) for failure in summary.failures] == [
        ("1.png", "it made the decoder crash")
    ]
    assert summary.protected == 5


def protect_and_die(root, output, at):
    """Run in a forked child that kills itself at its `at`-th step; exits with 0 if it has fewer steps."""
    steps = iter(range(1, 10_000))

    def step():
        if next(steps) == at:
            os.kill(os.getpid(), signal.SIGKILL)

    real_replace, real_append = os.replace, ledger.Ledger._append

    def write(path, data):
        for part in (data[: len(data) // 2], data):
            path.write_bytes(part)
            step()

    def replace(source, target):
        step()
        real_replace(source, target)
        step()

    def append(self, record):
        line = json.dumps(record).encode()
        self._file.write(line[: len(line) // 2])
        self._file.flush()
        step()
        self._file.truncate(self._file.tell() - len(line) // 2)
        real_append(self, record)
        step()

    worker._write, os.replace, ledger.Ledger._append = write, replace, append
    go(root, output)
    os._exit(0)


def test_killed_at_every_step_a_run_leaves_whole_files_and_can_go_on(tmp_path):
    root = photos(tmp_path / "in", 3)
    go(root, tmp_path / "reference")
    reference = contents(tmp_path / "reference")
    for at in range(1, 100):
        output = tmp_path / f"out{at}"
        child = os.fork()
        if child == 0:
            try:
                protect_and_die(root, output, at)
            finally:
                os._exit(7)
        _, status = os.waitpid(child, 0)
        left = contents(output)
        assert all(
            data == reference[name]
            for name, data in left.items()
            if not Path(name).name.startswith(ledger.TEMPORARY_PREFIX)
        )
        recorded = ledger.read(output)
        assert all(left[name] == reference[name] for name in recorded)
        summary = go(root, output)
        assert (summary.exit_code, summary.kept) == (0, len(recorded))
        assert contents(output) == reference
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0
            break
    assert at > 15


SCRIPT = textwrap.dedent(
    """
    import signal
    import sys
    from pathlib import Path
    import numpy as np
    from unlearnable.protect import ProtectOptions, plan, protect

    if __name__ == "__main__":
        signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where pytest runs in the background
        root, output, jobs = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
        job = plan([root], output, ProtectOptions())
        rng = np.random.default_rng(0)
        noise = {name: rng.choice(np.array([-8, 8], np.int8), (3, 16, 16)) for name in sorted(job.categories)}
        codes = {name: slot for slot, name in enumerate(job.categories)}

        def say(progress):
            print(progress.done, flush=True)
            if "wait" in sys.argv and progress.done == 1:
                sys.stdin.readline()

        print("started", flush=True)
        summary = protect(job, noise, codes, jobs=jobs, progress=say)
        for failure in summary.failures:
            print(failure.reason, flush=True)
        print(summary.stopped, flush=True)
        sys.exit(summary.exit_code)
    """
)


def start(script, root, output, jobs, *more):
    return subprocess.Popen(
        [sys.executable, str(script), str(root), str(output), str(jobs), *more],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    return path


@pytest.mark.parametrize("jobs", [1, 2])
def test_kill_9_loses_nothing_and_leaves_no_half_file(tmp_path, script, jobs):
    root, output = photos(tmp_path / "in", 12, size=(900, 600)), tmp_path / "out"
    go(root, tmp_path / "reference")
    reference = contents(tmp_path / "reference")
    rng = np.random.default_rng(jobs)
    killed = 0
    for attempt in range(5):
        process = start(script, root, output, jobs)
        assert process.stdout.readline() == "started\n"
        for _ in range(attempt % 3):  # sometimes between files, sometimes in the first moments
            process.stdout.readline()
        time.sleep(rng.uniform(0, 0.05))
        process.kill()
        killed += process.wait() == -signal.SIGKILL
        process.stdin.close()
        process.stdout.close()
        if not output.exists():
            continue
        for name, data in contents(output).items():
            if not Path(name).name.startswith(ledger.TEMPORARY_PREFIX):
                assert data == reference[name]
        if (output / MANIFEST).exists():
            for entry in ledger.read(output).values():
                assert (output / entry.output).read_bytes() == reference[entry.output]
    assert killed >= 1
    time.sleep(1 if jobs > 1 else 0)  # orphaned workers finish their file and end
    summary = go(root, output)
    assert (summary.exit_code, summary.protected + summary.kept) == (0, 12)
    assert contents(output) == reference
    assert check(root, output).exit_code == 0


@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_ends_cleanly(tmp_path, script, jobs):
    root, output = photos(tmp_path / "in", 12, size=(900, 600)), tmp_path / "out"
    process = start(script, root, output, jobs, "wait")
    assert [process.stdout.readline(), process.stdout.readline()] == ["started\n", "1\n"]
    os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to the workers as well
    time.sleep(0.3)  # the signal has to arrive before the script goes on
    rest, _ = process.communicate("go on\n", timeout=60)
    assert process.returncode == 1
    assert rest.splitlines()[-1] == "it was interrupted"
    assert "Traceback" not in rest
    assert "crash" not in rest
    on_disk = contents(output)
    assert 0 < len(on_disk) < 12
    assert set(on_disk) == set(ledger.read(output))


CHECKS = {
    "gone": (lambda path: path.unlink(), "gone"),
    "altered": (lambda path: path.write_bytes(path.read_bytes()[:-10] + b"\x00" * 10), "hash"),
    "cut": (lambda path: path.write_bytes(path.read_bytes()[:200]), "cannot be opened"),
    "smaller": (lambda path: Image.open(path).resize((10, 10)).save(path), "size"),
    "grey": (lambda path: Image.open(path).convert("L").save(path), "mode"),
    "profile": (lambda path: Image.open(path).save(path, icc_profile=b"other"), "ICC"),
    "turned": (lambda path: Image.open(path).save(path, exif=turned()), "orientation"),
    "louder": (lambda path: Image.eval(Image.open(path), lambda value: min(255, value + 20)).save(path), "budget"),
}


def turned():
    exif = Image.Exif()
    exif[0x0112] = 3
    return exif


@pytest.mark.parametrize("damage", CHECKS)
def test_check_names_what_is_wrong(tmp_path, damage):
    root, output = photos(tmp_path / "in"), tmp_path / "out"
    go(root, output, ProtectOptions(output_format="png"))
    assert check(root, output).exit_code == 0
    act, word = CHECKS[damage]
    act(output / "class0" / "2.png")
    report = check(root, output)
    assert report.exit_code == 1
    assert [row.output for row in report.problems] == ["class0/2.png"]
    assert any(word in problem for problem in report.problems[0].problems)


def test_check_sees_alpha_survival_and_the_source_side(tmp_path):
    root, output = photos(tmp_path / "in", 2), tmp_path / "out"
    picture = Image.new("RGBA", (30, 30), (120, 110, 100, 128))
    picture.save(root / "class0" / "alpha.png")
    go(root, output)
    noise = noise_for(["class0", "class1"])
    assert check(root, output, noise_for=noise).exit_code == 0
    opposite = {name: -levels for name, levels in noise.items()}
    assert all("survival" in row.problems[0] for row in check(root, output, noise_for=opposite).rows)
    with Image.open(output / "class0" / "alpha.png") as image:
        image.putalpha(200)
        image.save(output / "class0" / "alpha.png")
    (root / "class1" / "late.png").write_bytes((root / "class1" / "1.png").read_bytes())
    (root / "class0" / "0.jpg").unlink()
    Image.new("RGB", (9, 9)).save(root / "class1" / "1.png")
    said = {row.source: " ".join(row.problems) for row in check(root, output).problems}
    assert "alpha" in said["class0/alpha.png"]
    assert "not protected" in said["class1/late.png"]
    assert "not among the sources" in said["class0/0.jpg"]
    assert "changed since" in said["class1/1.png"]


def test_check_names_photos_that_nobody_protected(tmp_path):
    root, output = photos(tmp_path / "in", 1), tmp_path / "out"
    go(root, output)
    (output / "class0" / "Mine.JPG").write_bytes((root / "class0" / "0.jpg").read_bytes())
    (output / "notes.txt").write_text("no photo")
    report = check(root, output)
    assert [(row.output, row.problems) for row in report.problems] == [
        ("class0/Mine.JPG", ("no line of the manifest says that it is protected",))
    ]


def test_check_reports_what_compression_did(tmp_path):
    root, output, seen = photos(tmp_path / "in"), tmp_path / "out", []
    go(root, output)
    report = check([root], output, progress=seen.append)
    assert [progress.done for progress in seen] == [1, 2, 3, 4]
    assert {row.output for row in report.rows if any("lossy" in remark for remark in row.remarks)} == {
        "class0/0.jpg",
        "class1/3.jpg",
    }
    for entry in ledger.read(output).values():
        true = decode((output / entry.output).read_bytes()).pixels.astype(int)
        original = decode((root / entry.source).read_bytes()).pixels
        assert entry.measured["linf"] == np.abs(true - original).max()


def test_check_without_a_manifest_is_a_usage_error(tmp_path):
    root = photos(tmp_path / "in")
    with pytest.raises(ValueError, match="has no manifest"):
        check(root, tmp_path)
    with pytest.raises(ValueError, match="no file or folder"):
        check(tmp_path / "gone", tmp_path)


def test_the_estimate_follows_the_bytes(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(run.time, "perf_counter", lambda: now[0])
    clock = run._Clock(total=100)
    now[0] += 1000
    clock.add(25, worked=False)
    assert clock.left() is None
    now[0] += 10
    clock.add(25, worked=True)
    assert clock.left() == 20
    now[0] += 30
    clock.add(25, worked=True)
    assert clock.left() == 20
    clock.add(25, worked=True)
    assert clock.left() == 0


def test_another_folder_never_overwrites_what_is_protected(tmp_path):
    first, second, output = photos(tmp_path / "2023"), photos(tmp_path / "2024", size=(48, 40)), tmp_path / "out"
    go(first, output)
    kept = contents(output)
    summary = go(second, output)
    assert [failure.reason for failure in summary.failures] == [
        "a photo of this name from another folder is protected in its place: name another output folder, or move "
        f"'class{number % 2}/{number}.{'png' if number % 3 else 'jpg'}' away"
        for number in (0, 2, 1, 3)
    ]
    assert contents(output) == kept
    moved = tmp_path / "moved"
    first.rename(moved)
    assert go(moved, output).kept == 4, "the same photos may lie elsewhere later"
    (output / "class0" / "0.jpg").unlink()
    assert go(second, output).protected == 1


def test_what_a_killed_run_placed_is_known_though_the_next_run_writes_other_bytes(tmp_path):
    """As signing does, whose bytes differ each time; here the strength changes."""
    root, output = photos(tmp_path / "in"), tmp_path / "out"
    go(root, output)
    lines = (output / MANIFEST).read_bytes().splitlines(keepends=True)
    lost = json.loads(lines[-1])
    (output / MANIFEST).write_bytes(b"".join(lines[:-1]))
    target = output / lost["output"]
    stranger = go(root, output, ProtectOptions(epsilon=16))
    assert [failure.reason for failure in stranger.failures] == [
        f"a file that is not ours is in its place: move {lost['output']!r} away"
    ]
    ledger.claim(target).write_text(f"{lost['output_blake2']}\n")
    assert go(root, output, ProtectOptions(epsilon=16)).failures == ()
    assert not list(output.rglob(".*"))
    assert check(root, output).exit_code == 0


def test_a_film_is_not_read(tmp_path, monkeypatch):
    root = photos(tmp_path / "in", 1)
    (root / "a.mov").write_bytes(b"\x00\x00\x00\x14ftypqt  " + bytes(100))
    (root / "b.jpg").write_bytes(b"\x00\x00\x00\x18ftypmp42" + bytes(100))
    with (root / "c.jpg").open("wb") as file:
        file.write(b"\xff\xd8\xff\xe0")
        file.truncate(3 << 30)
    (root / "empty.txt").touch()
    job = plan([root], tmp_path / "out", OPTIONS)
    assert {item.source.key for item in job.items} == {"class0/0.jpg", "b.jpg", "c.jpg"}
    summary = go(root, tmp_path / "out")
    assert {failure.path.name: failure.reason for failure in summary.failures} == {
        "a.mov": "it is not a picture",
        "b.jpg": "it is not a picture",
        "c.jpg": "it is larger than 2 GB, which no photo is",
        "empty.txt": "the file is empty",
    }
    assert summary.protected == 1
