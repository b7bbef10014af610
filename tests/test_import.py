"""What is imported when: numpy at rest, torch in motion."""

import subprocess
import sys

import pytest

AT_REST = [
    "budget",
    "perturbation",
    "imageset",
    "datasets",
    "datasets.folder",
    "media",
    "packs",
    "protect",
    "report",
    "cli",
]


@pytest.mark.parametrize(
    "code",
    ["import unlearnable", *[f"import unlearnable.{name}" for name in AT_REST]],
)
def test_does_not_import_torch(code: str) -> None:
    program = f"{code}; import sys; sys.exit('torch was imported' if 'torch' in sys.modules else 0)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_help_does_not_import_torch() -> None:
    program = (
        "import sys; from unlearnable.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "sys.exit('torch was imported' if 'torch' in sys.modules else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "protect" in done.stdout


def test_public_names_resolve() -> None:
    import unlearnable

    for name in unlearnable.__all__:
        assert getattr(unlearnable, name) is not None
    with pytest.raises(AttributeError, match="nope"):
        _ = unlearnable.nope
