"""Reference pages: one per room of the package, of everything its ``__all__`` names.

The pages are written into ``docs/api`` before sphinx reads its sources, and are not committed.
When all is read, what is public and has no entry is a warning, which fails the build.
"""

import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import cellaxes

FOLDER = "api"
_ARRAY = re.compile(
    r"(?:numpy\.)?ndarray\[tuple\[(?:typing\.)?Any, \.\.\.\], "
    r"(?:numpy\.)?dtype\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\]"
)

_PLACE = "as-annotated"
_LIKE = re.compile(r"[\w.]*_Buffer \| .*?_NestedSequence\[[^\[\]]*str\]")


def rooms() -> list[str]:
    """Return the names of the public rooms, e.g. ``noise`` and ``features.metrics``."""
    found = []
    for name in cellaxes.__all__:
        room = getattr(cellaxes, name)
        if inspect.ismodule(room):
            found.append(name)
            found += [f"{name}.{n}" for n in room.__all__ if inspect.ismodule(getattr(room, n))]
    return found


def public_names() -> Iterator[str]:
    """Give the full name of everything public that is no room itself."""
    for name in cellaxes.__all__:
        if not inspect.ismodule(getattr(cellaxes, name)):
            yield f"cellaxes.{name}"
    for room in rooms():
        module = importlib.import_module(f"cellaxes.{room}")
        for name in module.__all__:
            if not inspect.ismodule(getattr(module, name)):
                yield f"cellaxes.{room}.{name}"


def page(room: str) -> str:
    """Return the reference page of a room, reStructuredText."""
    module = importlib.import_module(f"cellaxes.{room}")
    parts: dict[str, list[str]] = {"Functions": [], "Classes": [], "Constants": []}
    for name in module.__all__:
        value = getattr(module, name)
        if inspect.isclass(value):
            parts["Classes"].append(_entry("class", room, name, ":members:"))
        elif inspect.isfunction(value):
            parts["Functions"].append(_entry("function", room, name))
        elif not inspect.ismodule(value):
            parts["Constants"].append(_constant(room, name, value))
    text = [_title(f"cx.{room}", "="), inspect.getdoc(module) or "", _contents(room, module)]
    for title, entries in parts.items():
        if entries:
            text += [_title(title, "-"), *entries]
    return "\n\n".join(text) + "\n"


def index() -> str:
    """Return the page that lists the rooms."""
    lines = [
        _title("API reference", "="),
        "``import cellaxes as cx``; each room is imported when it is first used. Everything named "
        "here is public, and only this.",
        ".. list-table::\n   :widths: 25 75\n",
    ]
    rows = []
    for room in rooms():
        said = (inspect.getdoc(importlib.import_module(f"cellaxes.{room}")) or "").split("\n\n")[0]
        rows.append(f"   * - :doc:`cx.{room} <{room}>`\n     - {' '.join(said.split())}")
    errors = [n for n in cellaxes.__all__ if inspect.isclass(getattr(cellaxes, n))]
    return (
        "\n\n".join(
            [
                *lines[:2],
                lines[2] + "\n" + "\n".join(rows),
                _title("Errors and version", "-"),
                *(f".. autoexception:: cellaxes.{name}" for name in errors),
                ".. data:: cellaxes.__version__\n   :type: str\n\n   The version of the package.",
                ".. toctree::\n   :hidden:\n\n" + "\n".join(f"   {room}" for room in rooms()),
            ]
        )
        + "\n"
    )


def _title(text: str, line: str) -> str:
    return f"{text}\n{line * len(text)}"


def _contents(room: str, module: ModuleType) -> str:
    rows = [
        f"   * - :py:obj:`~cellaxes.{room}.{name}`\n     - {_first_sentence(getattr(module, name))}"
        for name in module.__all__
        if inspect.isclass(getattr(module, name)) or inspect.isfunction(getattr(module, name))
    ]
    head = f".. currentmodule:: cellaxes.{room}\n\n.. list-table::\n   :widths: 30 70\n\n"
    return head + "\n".join(rows)


def _first_sentence(value: Any) -> str:
    return " ".join((inspect.getdoc(value) or "").split("\n\n")[0].split())


def _entry(kind: str, room: str, name: str, *options: str) -> str:
    return "\n".join([f".. auto{kind}:: cellaxes.{room}.{name}", *(f"   {o}" for o in options)])


def _constant(room: str, name: str, value: Any) -> str:
    head = f".. data:: {name}\n"
    if isinstance(value, dict):
        rows = "\n".join(f"   * - ``{key!r}``\n     - {_shown(v)}" for key, v in value.items())
        return f"{head}\n   .. list-table::\n      :widths: 30 70\n\n" + re.sub(
            r"^", "   ", rows, flags=re.M
        )
    return f"{head}   :value: {_plain(value)}"


def _shown(value: Any) -> str:
    return value.replace("*", r"\*") if isinstance(value, str) else f"``{value!r}``"


def _plain(value: Any) -> str:
    return re.sub(
        r"cellaxes(\.\w+)*\.", "", str(value) if not isinstance(value, str) else repr(value)
    )


def _write(app: Any) -> None:
    folder = Path(app.srcdir) / FOLDER
    folder.mkdir(exist_ok=True)
    wanted = {"index.rst": index()} | {f"{room}.rst": page(room) for room in rooms()}
    for path in folder.glob("*.rst"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        path = folder / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def _check(app: Any, env: Any) -> None:
    from sphinx.util import logging

    known = env.domains["py"].objects
    for name in public_names():
        if name not in known:
            logging.getLogger(__name__).warning("%s is public and has no entry", name, type="rooms")


def short(annotation: str) -> str:
    """Return a type as the sources write it: an array with its dtype, names without their path."""
    text = _LIKE.sub("ArrayLike", _ARRAY.sub(r"NDArray[\1]", annotation.replace("~", "")))
    text = text.replace("typing.", "").replace("collections.abc.", "").replace("numpy.", "np.")
    return re.sub(r"\b(?:cellaxes|anndata|pandas|pathlib|scipy)(?:\.\w+)*\.(\w+)", r"\1", text)


def say_returns(lines: list[str]) -> list[str]:
    """Return a docstring whose section Returns, where it is prose, begins with a type.

    numpydoc takes the first line for one; here the type stands in the signature, and what is put
    in its place is taken out again after napoleon.
    """
    if "Returns" not in lines or (at := lines.index("Returns")) + 2 >= len(lines):
        return lines
    end = at + 2
    while end < len(lines) and not re.match(r"-{3,}$", lines[end]):
        end += 1
    end -= end < len(lines)  # the title of the next section
    said = lines[at + 2 : end]
    if any(line.startswith(" ") for line in said[1:2]):
        return lines
    prose = [_PLACE, *(f"    {line}" if line else "" for line in said)]
    return [*lines[: at + 2], *prose, *lines[end:]]


def _say_returns(app: Any, kind: str, name: str, obj: Any, options: Any, lines: Any) -> None:
    lines[:] = say_returns(lines)


def _shorten_fields(
    app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Write the types of attributes, which napoleon took from the class, as code."""
    lines[:] = [line for line in lines if line != f":rtype: {_PLACE}"]
    for at, line in enumerate(lines):
        if found := re.match(r"(:vartype .*?: )(.*)", line):
            lines[at] = f"{found[1]}``{short(found[2])}``"


def _shorten_parameters(app: Any, domain: str, kind: str, node: Any) -> None:
    for annotations in app.env.current_document.autodoc_annotations.values():
        for key, value in annotations.items():
            annotations[key] = short(value)


def _no_links_from_fields() -> None:
    """Fields are listed by names of their own, which are no references to a name elsewhere."""
    from sphinx.domains.python import PyObject

    for field in PyObject.doc_field_types:
        if field.name in ("variable", "parameter"):
            field.rolename = field.typerolename = ""


def setup(app: Any) -> dict[str, bool]:
    """Write the pages first, look for gaps last."""
    _no_links_from_fields()
    app.connect("autodoc-process-docstring", _say_returns, priority=100)  # before napoleon
    app.connect("autodoc-process-docstring", _shorten_fields, priority=900)  # after it
    app.connect("object-description-transform", _shorten_parameters, priority=100)
    app.connect("builder-inited", _write)
    app.connect("env-check-consistency", _check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
