"""The command line as its users meet it: exit codes, messages, help, light start."""

from __future__ import annotations

import subprocess
import sys

import pytest
import typer

import livetranslate
from livetranslate.domain.errors import InvalidInput, Overloaded
from livetranslate.services.cli import app as cli


class FailingCommand:
    """A module of commands whose command raises what it is given."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def register(self, app: typer.Typer) -> None:
        def fail() -> None:
            raise self.error

        app.command("fail")(fail)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--version"]) == 0
    assert capsys.readouterr().out.strip() == f"livetranslate {livetranslate.__version__}"


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--help"]) == 0
    shown = capsys.readouterr().out
    for module in cli.COMMANDS:
        assert module.__name__.rpartition(".")[2] in shown


def test_unknown_command_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["no-such-command"]) == 2
    assert "no-such-command" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (InvalidInput("the [rate] is wrong", field="sample_rate"), ["sample_rate", "[rate]"]),
        (Overloaded("full", retry_after_s=7), ["full", "7 s"]),
    ],
)
def test_errors_are_told_and_exit_with_1(
    error: Exception,
    expected: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cli, "COMMANDS", (FailingCommand(error),))
    assert cli.run(["fail"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err
    for words in expected:
        assert words in captured.err


def test_runs_as_a_module_and_imports_nothing_heavy() -> None:
    heavy = ("numpy", "ctranslate2", "faster_whisper", "sqlalchemy", "fastapi", "huggingface_hub")
    program = (
        "import runpy, sys\n"
        "sys.argv = ['livetranslate', '--help']\n"
        "try: runpy.run_module('livetranslate', run_name='__main__')\n"
        "except SystemExit as done: assert done.code == 0\n"
        f"loaded = [name for name in {heavy!r} if name in sys.modules]\n"
        "sys.exit(f'imported for --help: {loaded}' if loaded else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout
