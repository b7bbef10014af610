"""The notebooks run, and what is committed is what their sources say."""

from pathlib import Path

import nbformat
import pytest

from experiments.notebooks import LEFT_OUT, executed, notebook, publishable, sources


@pytest.mark.parametrize("source", sources(), ids=lambda path: path.stem)
def test_a_notebook_runs_from_top_to_bottom(source: Path, tmp_path: Path) -> None:
    book = executed(source, tmp_path, small=True)
    outputs = [output for cell in book.cells if cell.cell_type == "code" for output in cell.outputs]
    assert any("%" in str(output) for output in outputs), "it measured nothing"
    assert not [output for output in outputs if output.get("name") == "stderr" and "Error" in output.text]


@pytest.mark.parametrize("source", sources(), ids=lambda path: path.stem)
def test_the_committed_notebook_is_its_source_with_outputs(source: Path) -> None:
    made = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    assert [(cell.cell_type, cell.source) for cell in made.cells] == [
        (cell.cell_type, cell.source) for cell in notebook(source).cells
    ], "run `make notebooks`"
    code = [cell for cell in made.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code), "it was not run"
    for cell in code:
        if "pictures" in cell.metadata.get("tags", []):
            assert LEFT_OUT in cell.outputs[0].text
        assert all(output.output_type != "error" for output in cell.outputs)


def test_pictures_are_not_published() -> None:
    book = notebook(sources()[0])
    cell = book.cells[-1]
    cell.metadata["tags"] = ["pictures"]
    cell.outputs = [nbformat.v4.new_output("display_data", data={"image/png": "private"})]
    assert "private" not in str(publishable(book))
