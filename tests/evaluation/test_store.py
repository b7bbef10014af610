from pathlib import Path

from unlearnable.evaluation.store import key_of, resumed


def test_a_finished_result_is_not_made_again(tmp_path: Path) -> None:
    calls: list[int] = []

    def run() -> dict:
        calls.append(1)
        return {"value": len(calls)}

    assert resumed(tmp_path, {"a": (1, 2)}, run) == ({"value": 1}, False)
    assert resumed(tmp_path, {"a": (1, 2)}, run) == ({"value": 1}, True)
    assert resumed(tmp_path, {"a": (1, 3)}, run) == ({"value": 2}, False)
    assert resumed(None, {"a": (1, 2)}, run) == ({"value": 3}, False)


def test_a_damaged_result_is_made_again(tmp_path: Path) -> None:
    description = {"a": 1}
    file = tmp_path / f"{key_of(description)}.json"
    resumed(tmp_path, description, lambda: {"value": 1})
    for damage in ("", "{", '{"description": {"a": 2}, "result": {}}', "[]"):
        file.write_text(damage)
        assert resumed(tmp_path, description, lambda: {"value": 2}) == ({"value": 2}, False)
    assert [path.name for path in tmp_path.iterdir()] == [file.name]
