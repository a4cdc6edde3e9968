"""What is public says what it takes and gives: every parameter, its shape and its unit."""

import dataclasses
import inspect
import re
from typing import Any

import numpy as np
import pytest

import cellaxes as cx
from cellaxes import InputError

ARRAY = re.compile(
    r"ndarray|NDArray|ArrayLike|_SupportsArray|cs[rc]_|sparse|Tensor|DataFrame|Series"
)
SHAPE = re.compile(
    r"``[^`]*\(\s*[\w…][^`]*,[^`]*\)"  # ``(n_cells, d)``, ``(n_cells,)``
    r"|\b(?:row|line|column|value|entry|one|number)s?\s+(?:per|for each|for every)\b"
    r"|\b(?:of|in|with)\s+(?:each|every)\b|\b(?:row|line)s?\s+each\b|\bone row\b"
    r"|\bindexed\s+by\b|\bshapes?\b",
    re.IGNORECASE,
)
ALL_ARRAYS = re.compile(r"^All arrays (?:are )?``\(", re.MULTILINE)  # of a result
UNITS = {
    r"depths?|umis|u_bar": r"UMIs?\b|\bunits?\b|\bcoordinate\b|\blevels\b",  # levels: of a tree
    r"bits|information|I_max|I_inf|mi": r"\bbits\b|\bnats\b",
    r"seconds|walltime": r"\bseconds\b",
}
PROSE = ("Notes", "Returns", "Yields")


def sections(doc: str) -> dict[str, str]:
    """Return the sections of a numpydoc docstring; what comes before the first has no name."""
    parts = re.split(r"\n(\w[\w ]*)\n-{3,}(?:\n|$)", f"\n{doc}\n")
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


def entries(section: str) -> dict[str, str]:
    """Return the text of every entry of a section of parameters, by name."""
    found: dict[str, str] = {}
    names: list[str] = []
    for line in section.splitlines():
        if line and not line.startswith(" "):
            names = [name.strip().lstrip("*") for name in line.split(":")[0].split(",")]
            found |= dict.fromkeys(names, line.partition(":")[2])
        else:
            found |= {name: f"{found[name]} {line.strip()}" for name in names}
    return found


def said(doc: str) -> dict[str, str]:
    """Return the entries of Parameters and Attributes."""
    parts = sections(doc)
    return entries(parts.get("Parameters", "")) | entries(parts.get("Attributes", ""))


def prose(doc: str, name: str) -> str:
    """Return the sentences outside the lists of parameters that have the name in backticks."""
    parts = sections(doc)
    text = " ".join(parts.get(part, "") for part in ("", *PROSE))
    named = re.compile(rf"(?<!`)(`{{1,2}})(?!`)[^`]*(?<![\w.]){re.escape(name)}(?!\w)[^`]*\1")
    return " ".join(s for s in re.split(r"(?<=[.])\s+", text) if named.search(s))


def described(doc: str, taken: dict[str, Any]) -> list[str]:
    """Return what a docstring leaves unsaid of what is taken: names and annotations."""
    faults = []
    for name, annotation in taken.items():
        text = said(doc).get(name, "") or prose(doc, name)
        if not text.strip():
            faults.append(f"{name}: not described")
        elif ARRAY.search(str(annotation)) and not (SHAPE.search(text) or ALL_ARRAYS.search(doc)):
            faults.append(f"{name}: no shape: {text.strip()[:90]}")
        column_or_table = annotation in (str, str | None) or "DataFrame" in str(annotation)
        if not text.strip() or column_or_table:  # a name, or columns of several units
            continue
        for names, unit in UNITS.items():
            if re.fullmatch(names, name) and not re.search(unit, text):
                faults.append(f"{name}: no unit: {text.strip()[:90]}")
    return faults


def of_call(call: Any) -> list[str]:
    """Return what is wrong with the docstring of a function or method."""
    doc, signature = inspect.getdoc(call) or "", inspect.signature(call)
    taken = {p: v.annotation for p, v in signature.parameters.items() if p not in ("self", "cls")}
    faults = described(doc, taken) if doc else ["no docstring"]
    if signature.return_annotation is inspect.Signature.empty:
        faults.append("return: no annotation")
    faults += [f"{p}: no annotation" for p, v in taken.items() if v is inspect.Parameter.empty]
    faults += [
        f"{name}: documented, not a parameter"
        for name in entries(sections(doc).get("Parameters", ""))
        if name not in taken
    ]
    parts = sections(doc)
    given, back = (
        parts.get("Returns", parts.get("Yields", parts[""])),
        str(signature.return_annotation),
    )
    elementwise = signature.return_annotation is Any and any(
        ARRAY.search(str(annotation)) for annotation in taken.values()
    )
    if (ARRAY.search(back) or elementwise) and not SHAPE.search(given):
        faults.append(f"return: no shape: {given.strip()[:90]}")
    source = inspect.getsource(call)
    faults += [
        f"{error}: raised, not told"
        for error in sorted(set(re.findall(r"^\s+raise (InputError|StoreError)\(", source, re.M)))
        if error not in doc
    ]
    return faults


def fields_of(entry: type) -> dict[str, Any]:
    """Return the public fields of a dataclass, named tuple or pydantic model, and their types."""
    if dataclasses.is_dataclass(entry):
        found = {field.name: field.type for field in dataclasses.fields(entry)}
    elif hasattr(entry, "model_fields"):
        found = {name: field.annotation for name, field in entry.model_fields.items()}
    elif hasattr(entry, "_fields"):
        found = dict(entry.__annotations__)
    else:
        found = {
            name: p.annotation
            for name, p in inspect.signature(entry).parameters.items()
            if not issubclass(entry, Exception) and not getattr(entry, "_is_protocol", False)
        }
    return {name: kind for name, kind in found.items() if not name.startswith("_")}


def of_class(entry: type) -> list[str]:
    doc = inspect.getdoc(entry) if entry.__doc__ else ""
    if not doc:
        return ["no docstring"]
    fields = fields_of(entry)
    stale = [
        f"{name}: documented, not there"
        for name in said(doc)
        if name not in fields and not hasattr(entry, name) and name not in entry.__annotations__
    ]
    return described(doc, fields) + stale


def members(entry: type):
    """Yield the public methods and properties of a class that are written in this package."""
    for name in dir(entry):
        value = inspect.getattr_static(entry, name)
        value = getattr(value, "__func__", value)
        value = getattr(value, "func", value)  # functools.cached_property
        call = value.fget if isinstance(value, property) else value
        if name.startswith("_") and name != "__call__":
            continue
        if inspect.isfunction(call) and call.__module__.startswith("cellaxes."):
            yield name, call


def public():
    rooms = [getattr(cx, room) for room in cx.__all__ if inspect.ismodule(getattr(cx, room))]
    while rooms:
        room = rooms.pop()
        for name in room.__all__:
            entry = getattr(room, name)
            label = f"{room.__name__.removeprefix('cellaxes.')}.{name}"
            if inspect.ismodule(entry):
                rooms.append(entry)
            elif inspect.isclass(entry):
                yield label, of_class, entry
                for method, call in members(entry):
                    yield f"{label}.{method}", of_call, call
            elif (
                callable(entry)
                and hasattr(entry, "__module__")
                and inspect.isroutine(inspect.unwrap(entry))
            ):
                yield label, of_call, entry


@pytest.mark.parametrize(
    ("faults", "entry"),
    [pytest.param(f, e, id=name) for name, f, e in sorted(public(), key=lambda p: p[0])],
)
def test_the_docstring_tells_what_goes_in_and_comes_out(faults, entry):
    assert faults(entry) == []


def measured(depth: float, Z: np.ndarray, *, seed: int) -> np.ndarray:
    """Return what is known of ``Z`` ``(n_cells, d)`` at ``depth``, UMIs per cell.

    Parameters
    ----------
    seed
        Of the draw.
    """
    raise InputError("no")


def test_the_reader_of_docstrings_sees_what_is_missing():
    told = measured.__doc__
    assert of_call(measured) == ["InputError: raised, not told"]
    for old, new, fault in [
        ("``Z`` ``(n_cells, d)``", "cells", "Z: not described"),
        ("    seed\n        Of the draw.", "", "seed: not described"),
        ("``Z`` ``(n_cells, d)``", "``Z``", "Z: no shape"),
        ("``depth``, UMIs per cell", "``depth``", "depth: no unit"),
        ("    seed\n", "    seed, sead\n", "sead: documented, not a parameter"),
    ]:
        measured.__doc__ = told.replace(old, new)
        assert any(found.startswith(fault) for found in of_call(measured)), fault
    measured.__doc__ = told
