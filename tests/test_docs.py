"""The documentation does what it says."""

import json
import re
import shlex
from pathlib import Path

import pytest

import unlearnable.exploiters
import unlearnable.poisons
from experiments.readme import rewritten
from experiments.tables import tables
from unlearnable._registry import Entry
from unlearnable.cli._app import run
from unlearnable.exploiters import COUNTERMEASURES, countermeasure
from unlearnable.perturbation import load_perturbation
from unlearnable.poisons import POISONS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
EXTENDING = DOCS / "extending.md"


def test_adding_a_countermeasure_is_one_file_and_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = EXTENDING.read_text(encoding="utf-8")
    file, line, suite = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (commands,) = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    (tmp_path / "solarize.py").write_text(file)
    (tmp_path / "my_suite.py").write_text(suite)
    monkeypatch.setattr(unlearnable.exploiters, "__path__", [*unlearnable.exploiters.__path__, str(tmp_path)])
    added = eval(f"{{{line}}}", {"Entry": Entry})  # noqa: S307 - one line of our own documentation
    for name, entry in added.items():
        monkeypatch.setitem(COUNTERMEASURES.entries, name, entry)  # type: ignore[arg-type]
    assert countermeasure("solarize:100").spec == "solarize:100"
    with pytest.raises(ValueError, match="did you mean solarize"):
        countermeasure("solarise")
    monkeypatch.chdir(tmp_path)
    for command in commands.strip().splitlines():
        program, *arguments = shlex.split(command.removeprefix("$ "))
        assert program == "unlearnable"
        assert run(arguments) == 0, capsys.readouterr().err
    printed = capsys.readouterr().out
    assert "solarize:128" in printed
    assert "error-min, class-wise" in printed
    assert "worst case" in printed


def test_the_page_on_poisons_does_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (DOCS / "poisons.md").read_text(encoding="utf-8")
    use, file, line = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (commands,) = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    for command in commands.strip().splitlines():
        assert run(shlex.split(command.removeprefix("$ "))[1:]) == 0, capsys.readouterr().err
    assert capsys.readouterr().out.count("@inproceedings") == 2
    names: dict[str, object] = {}
    exec(use, names)  # noqa: S102 - our own documentation
    assert (names["protected"].pixels != names["data"].pixels).any()  # type: ignore[attr-defined]

    (tmp_path / "stripes.py").write_text(file)
    monkeypatch.setattr(unlearnable.poisons, "__path__", [*unlearnable.poisons.__path__, str(tmp_path)])
    added = eval(f"{{{line}}}", {"Entry": Entry})  # noqa: S307 - one line of our own documentation
    for name, entry in added.items():
        monkeypatch.setitem(POISONS.entries, name, entry)  # type: ignore[arg-type]
    made = POISONS.get("stripes")(epsilon=5, phase=0.25).craft(names["data"])
    assert (made.bank.min(), made.bank.max()) == (-5, 5)
    made.save(tmp_path / "stripes.safetensors")
    assert load_perturbation(tmp_path / "stripes.safetensors").parameters["phase"] == 0.25


def test_the_readmes_tables_are_the_records() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert rewritten(text, ROOT / "results") == text, "run `make paper`"


@pytest.mark.parametrize("name", ["leaderboard", "choose"])
def test_the_generated_pages_are_the_records(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    kept = DOCS / {"leaderboard": "leaderboard.md", "choose": "choose-a-poison.md"}[name]
    assert run(["bench", name, "-o", str(tmp_path / kept.name)]) == 0
    for made in tmp_path.iterdir():
        assert made.read_text(encoding="utf-8") == (DOCS / made.name).read_text(encoding="utf-8"), (
            f"run `unlearnable bench {name}`"
        )


def test_the_tables_of_results_are_the_records() -> None:
    for name, text in tables().items():
        assert (ROOT / "results" / name).read_text(encoding="utf-8") == text, "run `python -m experiments.tables`"


MEASURED = ("results/*.md", "benchmarks/*.md", "docs/leaderboard.md", "docs/reproducing.md")
NUMBER = re.compile(r"(?<![\d.,])(\d+\.\d)(?![\d.])")


@pytest.mark.parametrize("page", ["README.md", "docs/results.md"])
def test_every_number_is_in_a_table_that_was_measured(page: str) -> None:
    """A pair, last epoch (best epoch), stands side by side in a table, in this order; a number alone is in one."""
    tables = "\n".join(path.read_text(encoding="utf-8") for each in MEASURED for path in sorted(ROOT.glob(each)))
    records = (ROOT / "benchmarks" / "float32.jsonl").read_text(encoding="utf-8").splitlines()
    alone = {f"{json.loads(line)[what]:.1f}" for line in records for what in ("best", "last")}
    text = (ROOT / page).read_text(encoding="utf-8")
    pairs = set(re.findall(r"(?<![\d.,])(\d+\.\d) \((\d+\.\d)\)", text))
    assert len(pairs) > 10

    def measured(last: str, best: str) -> bool:
        spread = r"(?: \([^|)]*\))?"
        cells = rf"\| {re.escape(last)}{spread} \| {re.escape(best)}{spread} \|"
        return f" {last} ({best}) " in tables or re.search(cells, tables) is not None

    assert not [pair for pair in sorted(pairs) if not measured(*pair)]
    assert not set(NUMBER.findall(text)) - set(NUMBER.findall(tables)) - alone


def test_every_number_of_the_benchmarks_page_was_measured() -> None:
    """A mean of a table, or one seed's last or best epoch."""
    measured = set(NUMBER.findall((DOCS / "leaderboard.md").read_text(encoding="utf-8")))
    for suite in ("c10-10k", "c10", "frequencies"):
        lines = (ROOT / "results" / f"{suite}.jsonl").read_text(encoding="utf-8").splitlines()
        measured |= {f"{json.loads(line)[what]:.1f}" for line in lines for what in ("best", "last")}
    told = set(NUMBER.findall((DOCS / "benchmark.md").read_text(encoding="utf-8")))
    assert len(told) > 50
    assert not told - measured - {"0.1"}, "not a record's"  # 0.1 is a strength
