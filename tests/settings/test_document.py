"""The configuration file: read by dotted path, written with comments, order and mode kept."""

from __future__ import annotations

import multiprocessing
import stat
from pathlib import Path
from typing import Any

import pytest

from livetranslate.domain.errors import Conflict, Invalid
from livetranslate.settings import document

TEXT = """\
# The platform of the town hall.
frontend:
  port: 3000   # behind the proxy

gateway: {timeout: 30, retries: 3}
audio:
  # What the hall needs.
  preset: "meeting"
  parameters:
    limiter:
      ceiling_dbfs: -2  # loud people
unknown: [1, 2]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "config" / "orchestration.yaml"
    file.parent.mkdir()
    file.write_text(TEXT)
    return file


def test_values_come_by_dotted_path(file: Path) -> None:
    read = document.read(file)
    assert read.values == {
        "frontend.port": 3000,
        "gateway.timeout": 30,
        "gateway.retries": 3,
        "audio.preset": "meeting",
        "audio.parameters.limiter.ceiling_dbfs": -2,
    }
    assert read.ignored == ("unknown",)
    assert document.read(file.with_name("absent.yaml")).values == {}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: [", "line 1, column 5"),
        ("gateway: {timeout: 3}\ngateway: {timeout: 4}", "duplicate key"),
        ("\x00", "unacceptable character"),
    ],
)
def test_what_is_no_yaml_is_told_with_its_place(file: Path, text: str, reason: str) -> None:
    file.write_text(text)
    with pytest.raises(Invalid, match=reason):
        document.read(file)


def test_what_cannot_be_read_is_told(file: Path) -> None:
    file.write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(Invalid, match="cannot be read"):
        document.read(file)


def test_a_change_keeps_everything_else(file: Path) -> None:
    file.chmod(0o640)
    changes: dict[str, Any] = {
        "audio.preset": "noisy",
        "audio.parameters.limiter.ceiling_dbfs": None,
        "audio.presets.hall.base": "meeting",
        "gateway.timeout": 12.5,
    }
    assert document.write(file, changes)
    assert (
        file.read_text()
        == """\
# The platform of the town hall.
frontend:
  port: 3000   # behind the proxy

gateway: {timeout: 12.5, retries: 3}
audio:
  # What the hall needs.
  preset: "noisy"
  presets:
    hall:
      base: meeting
unknown: [1, 2]
"""
    )
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert [one.name for one in file.parent.iterdir()] == [file.name]


def test_what_is_there_already_is_not_written(file: Path) -> None:
    before = file.stat()
    assert not document.write(file, {"gateway.timeout": 30, "audio.presets": None})
    assert file.stat().st_mtime_ns == before.st_mtime_ns
    assert file.stat().st_ino == before.st_ino


def test_an_absent_file_and_one_of_comments_are_begun(tmp_path: Path) -> None:
    file = tmp_path / "new" / "config.yaml"
    document.write(file, {"audio.preset": "noisy"})
    assert file.read_text() == "audio:\n  preset: noisy\n"
    file.write_text("# Only a word.\n")
    document.write(file, {"gateway.retries": 1, "audio.presets.mine": {}})
    assert file.read_text() == (
        "# Only a word.\ngateway:\n  retries: 1\naudio:\n  presets:\n    mine: {}\n"
    )


def test_a_linked_file_is_replaced_where_it_lies(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.yaml"
    link.symlink_to(file)
    document.write(link, {"gateway.retries": 1})
    assert link.is_symlink()
    assert document.read(file).values["gateway.retries"] == 1


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("no folder")
    with pytest.raises(Conflict, match="cannot be written"):
        document.write(blocked / "orchestration.yaml", {"gateway.retries": 1})


def test_nothing_is_written_over_what_cannot_be_read(file: Path) -> None:
    file.write_text("gateway: [")
    with pytest.raises(Invalid, match="line 1"):
        document.write(file, {"gateway.retries": 1})
    assert file.read_text() == "gateway: ["


def _add(file: Path, number: int) -> None:
    for place in range(5):
        document.write(file, {f"audio.presets.p{number}-{place}.base": "noisy"})


def test_writers_in_several_processes_lose_nothing(file: Path) -> None:
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_add, args=(file, number)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(30)
    presets = [path for path in document.read(file).values if path.startswith("audio.presets.")]
    assert len(presets) == 20
    assert "# loud people" in file.read_text()
