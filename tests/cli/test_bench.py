"""`unlearnable bench`: every countermeasure runs, and wrong use is one sentence."""

import json
from pathlib import Path

import pytest

from trial_records import record as recorded
from unlearnable.cli._app import run
from unlearnable.exploiters import COUNTERMEASURES, countermeasure
from unlearnable.training import weights

ROOT = Path(__file__).parents[2]

SUITE = """
from dataclasses import replace
from unlearnable.evaluation.grid import Suite
from unlearnable.evaluation.trial import Trial
from unlearnable.training import recipe


def little(columns=("none", "gray")) -> Suite:
    chosen = replace(recipe("tiny"), epochs=1)
    settings = dict(row="clean", dataset="digits", per_class=5, test_per_class=5, recipe=chosen)
    return Suite(name="little", trials=tuple(Trial(**settings, countermeasure=each) for each in columns))


def more() -> Suite:
    return replace(little(("none", "blur:1")), name="more")


def nowhere() -> Suite:
    return replace(little(), name="nowhere", trials=tuple(replace(each, dataset="void") for each in little().trials))
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "mine.py").write_text(SUITE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("shared_data")
def test_the_smoke_suite_runs_every_countermeasure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(weights, "user_cache_path", lambda name: tmp_path / name)
    folders = ["--runs", str(tmp_path / "runs"), "--results", str(tmp_path / "results")]
    assert run(["bench", "run", "smoke", "--quiet", *folders]) == 0
    lines = (tmp_path / "results" / "smoke.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    assert [countermeasure(record["countermeasure"]).name for record in records] == list(COUNTERMEASURES)
    for record in records:
        assert 0 <= record["last"] <= record["best"] <= 100
        assert len(record["curve"]) >= 1
        assert record["crafting"]["checksum"] == records[0]["crafting"]["checksum"]


def test_a_suite_in_a_file_runs_goes_on_and_is_printed(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "run", "mine.py:little"]) == 0
    assert "2 of 2 trials are in results/little.jsonl" in capsys.readouterr().err
    assert len((here / "results" / "little.jsonl").read_text().splitlines()) == 2
    assert run(["bench", "run", "mine.py:little", "--jobs", "2"]) == 0
    assert "0 trials to run" in capsys.readouterr().err
    assert run(["bench", "run", "mine.py:little", "--no-resume"]) == 0
    assert "little: 1/2" in capsys.readouterr().err, "both run again"
    for form, sign in (("md", "|"), ("csv", "clean,none"), ("latex", "\\toprule")):
        assert run(["bench", "table", "little", "--format", form]) == 0
        assert sign in capsys.readouterr().out
    assert run(["bench", "run", "mine.py:more", "--quiet"]) == 0
    assert run(["bench", "gather", "mine.py:more"]) == 0
    assert run(["bench", "diff", "little", "results/more.jsonl"]) == 0
    printed = capsys.readouterr().out
    assert "gray" in printed
    assert "blur:1" in printed
    assert run(["bench", "leaderboard", "little", "-o", "page/board.md"]) == 0
    assert "clean" in (here / "page" / "board.md").read_text()
    assert "<html" in (here / "page" / "board.html").read_text()


def test_trials_that_cannot_run_are_named_and_the_exit_code_says_so(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["bench", "run", "mine.py:nowhere", "--quiet"]) == 1
    said = capsys.readouterr().err
    assert "clean, none, seed 0: unknown dataset 'void'" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "mine.py:litle"], "unknown suite 'litle': did you mean little"),
        (["run", "other.py:little"], "there is no file other.py"),
        (["run", "smoke"], "there is no experiments/suites.py here"),
        (["run", "mine.py:little", "--jobs", "0"], "jobs must be at least 1"),
        (["table", "nothing"], "there are no results at results/nothing.jsonl"),
        (["diff", "nothing", "little"], "there are no results at"),
        (["leaderboard"], "there is no results/c10-10k.jsonl"),
    ],
)
def test_wrong_use_is_one_sentence(
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    import sys

    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if Path(entry).resolve() != ROOT and entry])
    for name in [each for each in sys.modules if each == "experiments" or each.startswith("experiments.")]:
        monkeypatch.delitem(sys.modules, name)
    assert run(["bench", *arguments]) == 2
    said = capsys.readouterr().err
    assert message in " ".join(said.split())
    assert "Traceback" not in said


@pytest.mark.parametrize("verb", ["leaderboard", "choose"])
def test_pages_take_the_place_of_their_own_kind_only(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    strong = {"poison": {"method": "lsp", "scope": "sample-wise", "epsilon": 6.0}, "crafting": {"cpu_seconds": 3.0}}
    rows = [recorded("clean", "none", 90.0), recorded("strong", "none", 12.0, **strong)]
    monkeypatch.setattr("unlearnable.cli.bench._records", lambda name, results: rows)
    for _ in range(2):
        assert run(["bench", verb, "few.jsonl", "-o", "new/page.md"]) == 0
    assert not list((here / "new").glob(".*"))
    capsys.readouterr()
    for name in ["diary.md", *(["board.html"] if verb == "leaderboard" else [])]:
        (here / name).write_text("dear diary")
        assert run(["bench", verb, "few.jsonl", "-o", str(Path(name).with_suffix(".md"))]) == 2
        assert f"{name} was not written by `unlearnable bench`" in capsys.readouterr().err
        assert (here / name).read_text() == "dear diary"
    assert run(["bench", verb, "few.jsonl", "-o", "page.html"]) == 2
    assert "--output must end in .md" in capsys.readouterr().err


def test_a_suite_in_a_file_has_poisons_of_its_own_in_other_processes(here: Path) -> None:
    own = SUITE.replace("from dataclasses import", "from __future__ import annotations\n\nfrom dataclasses import", 1)
    own += """

from dataclasses import dataclass
from typing import ClassVar
from unlearnable import RandomNoise


@dataclass(frozen=True, kw_only=True)
class Own(RandomNoise):
    method: ClassVar[str] = "own"


def owned() -> Suite:
    return Suite(name="owned", trials=tuple(replace(each, row="own", poison=Own()) for each in little().trials))
"""
    (here / "owner.py").write_text(own)
    assert run(["bench", "run", "owner.py:owned", "--jobs", "2", "-q"]) == 0
    assert len((here / "results" / "owned.jsonl").read_text().splitlines()) == 2


def test_the_list_has_suites_and_countermeasures(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    assert run(["bench", "list", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {"smoke", "c10-10k", "c10"} <= {line.get("suite") for line in lines}
    assert {line.get("countermeasure") for line in lines} >= set(COUNTERMEASURES)
    assert run(["bench", "list"]) == 0
    assert "adversarial-training" in capsys.readouterr().out
