"""What is imported when: numpy at rest, torch in motion."""

import os
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


@pytest.mark.parametrize(("before", "after"), [({}, "passive"), ({"OMP_WAIT_POLICY": "active"}, "active")])
def test_waiting_threads_sleep_from_the_command_line_on(before: dict[str, str], after: str) -> None:
    program = (
        "import os, sys; from unlearnable.cli import main\n"
        "assert 'torch' not in sys.modules\n"
        "try: main(['--version'])\n"
        "except SystemExit: print(os.environ['OMP_WAIT_POLICY'])"
    )
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"} | before
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.split()[-1] == after


def test_public_names_resolve() -> None:
    import unlearnable

    for name in unlearnable.__all__:
        assert getattr(unlearnable, name) is not None
    with pytest.raises(AttributeError, match="nope"):
        _ = unlearnable.nope
