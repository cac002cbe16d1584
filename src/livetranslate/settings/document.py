"""The configuration file: read as values by dotted path, written with its comments and order kept.

``ruamel.yaml`` round-trips comments, order and quoting. A write replaces the file in one step, so
that nobody reads half of it, and keeps its mode; writers of one directory wait for each other.
"""

from __future__ import annotations

import fcntl
import io
import os
import stat
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError

from livetranslate.domain.dotted import flatten
from livetranslate.domain.errors import Conflict, Invalid, Problem
from livetranslate.settings.keys import AUDIO, FIELDS

NOT_NAMES = "must hold names and values"


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """What a configuration file says.

    Attributes:
        values: By dotted path, only what is set.
        ignored: Paths that mean nothing here.
        problems: What is wrong with its structure.
    """

    values: dict[str, Any] = {}
    ignored: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


def parse(text: str, name: str) -> Document:
    """Return what a file's text says.

    Args:
        text: YAML.
        name: The file's, for the error.

    Raises:
        Invalid: It is no YAML; the reason says where.
    """
    try:
        content: object = YAML(typ="safe").load(text)  # pyright: ignore[reportUnknownMemberType] - untyped
    except YAMLError as error:
        raise Invalid.of([Problem(name, _why(error))]) from error
    if content is None:
        return Document()
    return from_mapping(content, name)


def from_mapping(content: object, name: str) -> Document:
    """Return what nested mappings say; ``name`` stands for the outermost one in problems."""
    values: dict[str, Any] = {}
    ignored: list[str] = []
    problems: list[Problem] = []
    sections = {path.rpartition(".")[0] for path in FIELDS} | {"services"}

    def walk(node: object, at: str) -> None:
        if not isinstance(node, dict):
            problems.append(Problem(at or name, NOT_NAMES))
            return
        for key, value in cast("dict[object, Any]", node).items():
            path = f"{at}.{key}" if at else str(key)
            if value is None:
                continue
            if path == AUDIO:
                values.update(flatten(value, AUDIO))
            elif path in FIELDS:
                values[path] = value
            elif path in sections:
                walk(value, path)
            else:
                ignored.append(path)

    walk(content, "")
    return Document(values=values, ignored=tuple(ignored), problems=tuple(problems))


def value(text: str) -> Any:
    """Return one value as YAML writes it; raises Invalid."""
    try:
        return YAML(typ="safe").load(text)  # pyright: ignore[reportUnknownMemberType] - untyped
    except YAMLError as error:
        raise Invalid.of([Problem("value", _why(error))]) from error


def read(file: Path) -> Document:
    """Return what a file says; an absent one says nothing.

    Raises:
        Invalid: It cannot be read, or is no YAML.
    """
    try:
        return parse(file.read_text(encoding="utf-8"), str(file))
    except (FileNotFoundError, NotADirectoryError):
        return Document()
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid.of([Problem(str(file), f"cannot be read: {error}")]) from error


def write(file: Path, changes: Mapping[str, Any]) -> bool:
    """Change values of a file; everything else in it stays as it is.

    Args:
        file: The file; an absent one is made, with its folder.
        changes: By dotted path; None takes a value out.

    Returns:
        Whether anything had to be changed.

    Raises:
        Conflict: The file cannot be written; nothing of it has changed.
        Invalid: It is no YAML, so that there is nothing to keep.
    """
    file = file.resolve()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with _alone(file.parent):
            before = file.read_text(encoding="utf-8") if file.exists() else ""
            after = _changed(before, changes, str(file))
            if after is None:
                return False
            _replace(file, after)
    except OSError as error:
        raise Conflict(
            f"{file} cannot be written: {error.strerror or error}", field=str(file)
        ) from error
    return True


def _changed(text: str, changes: Mapping[str, Any], name: str) -> str | None:
    """Return the text with the changes, or None if there are none."""
    yaml: Any = YAML()
    yaml.preserve_quotes = True
    yaml.width = 10_000
    try:
        root: Any = yaml.load(text)
    except YAMLError as error:
        raise Invalid.of([Problem(name, _why(error))]) from error
    # Of a file without values only the comments are there to be kept, and they are not in the root.
    comments = text.rstrip("\n") + "\n" if root is None and text.strip() else ""
    if root is None:
        root = CommentedMap()
    said = parse(text, name).values
    wanted = {
        path: value
        for path, value in changes.items()
        if (path in said) != (value is not None) or said.get(path) != value
    }
    if not wanted:
        return None
    for path, value in wanted.items():
        _set(root, path.split("."), value)
    out = io.StringIO()
    yaml.dump(root, out)
    return comments + out.getvalue()


def _set(root: Any, keys: list[str], value: object) -> None:
    """Set a value, making what it lies in; or take it out, with what is empty then."""
    nodes, node = [root], root
    for key in keys[:-1]:
        inner = node.get(key)
        if not isinstance(inner, dict):
            if value is None:
                return
            inner = node[key] = CommentedMap()
        node = cast(Any, inner)
        nodes.append(node)
    if value is not None:
        if not (isinstance(value, dict) and isinstance(node.get(keys[-1]), dict)):
            node[keys[-1]] = value
        return
    for place, key in zip(reversed(nodes), reversed(keys), strict=True):
        place.pop(key, None)
        if place:
            return


def _replace(file: Path, text: str) -> None:
    """Put a text in place of a file in one step, with the file's mode and owner."""
    status = file.stat() if file.exists() else None
    if status is not None and not os.access(file, os.W_OK):
        raise PermissionError(13, "it is read-only")
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        mode = stat.S_IMODE(status.st_mode) if status else 0o644
        Path(name).chmod(mode)
        if status is not None:
            with suppress(PermissionError):
                os.chown(name, status.st_uid, status.st_gid)
        Path(name).replace(file)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(name).unlink()
        raise


@contextmanager
def _alone(folder: Path) -> Generator[None]:
    """Hold a lock on a folder, for files in it are replaced and cannot hold one themselves."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _why(error: YAMLError) -> str:
    told: Any = error
    mark = getattr(told, "problem_mark", None)
    if mark is None:
        return f"is no YAML: {error}"
    return f"line {mark.line + 1}, column {mark.column + 1}: {told.problem or 'is no YAML'}"
