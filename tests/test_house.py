"""The house itself: arrows between rooms, cheap import, public signatures."""

import ast
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import cellaxes as cx

SOURCE = Path(cx.__file__).parent

ARROWS = {
    "_core": set(),
    "datasets": {"_core"},
    "noise": {"_core"},
    "embed": {"_core"},
    "signal": {"_core"},
    "information": {"_core"},
    "scaling": {"_core"},
    "study": {"_core", "noise", "embed", "signal", "information"},
    "pl": {"_core", "scaling"},
    "report": {"_core", "pl", "scaling"},
    "verbs": {"_core", "report", "scaling", "study"},
    "cli": {"_core", "datasets", "report", "scaling", "study", "verbs"},
}


def imported_rooms(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names.append(node.module)
        elif isinstance(node, ast.Import):
            names.extend(alias.name for alias in node.names)
    return {name.split(".")[1] for name in names if name.startswith("cellaxes.")}


def test_every_room_has_its_arrows_declared():
    rooms = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    assert rooms == set(ARROWS)


@pytest.mark.parametrize("room", sorted(ARROWS))
def test_arrows_point_one_way(room):
    for path in (SOURCE / room).rglob("*.py"):
        beyond = imported_rooms(path) - ARROWS[room] - {room}
        assert not beyond, f"{path.relative_to(SOURCE)} may not import {beyond}"


def test_rooms_are_entered_by_the_front_door():
    for path in SOURCE.rglob("*.py"):
        room = path.relative_to(SOURCE).parts[0]
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cellaxes."):
                parts = node.module.split(".")
                private = len(parts) > 2 and parts[2].startswith("_")
                assert not private or parts[1] in (room, "_core"), f"{path}: {node.module}"


def test_architecture_page_names_every_room():
    page = (SOURCE.parents[1] / "docs" / "architecture.md").read_text()
    for room in ARROWS:
        assert f"`{room}/`" in page


def test_import_is_light():
    heavy = ("torch", "scanpy", "matplotlib", "scvi", "anndata", "sklearn", "numba", "pandas")
    code = f"import sys, cellaxes; print([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def public_functions():
    for room in cx.__all__:
        module = getattr(cx, room)
        if not inspect.ismodule(module):
            continue
        for name in module.__all__:
            entry = getattr(module, name)
            if inspect.isfunction(entry):
                yield pytest.param(entry, id=f"{room}.{name}")
            elif inspect.isclass(entry):
                for method, value in vars(entry).items():
                    if inspect.isfunction(value) and not method.startswith("_"):
                        yield pytest.param(value, id=f"{room}.{name}.{method}")


@pytest.mark.parametrize("function", public_functions())
def test_public_signature_is_a_contract(function):
    signature = inspect.signature(function)
    positional = [
        p
        for p in signature.parameters.values()
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.name not in ("self", "cls")
    ]
    assert len(positional) <= 3
    assert signature.return_annotation is not inspect.Signature.empty
    for p in signature.parameters.values():
        assert p.name in ("self", "cls") or p.annotation is not inspect.Parameter.empty, p.name
        if p.name in ("copy", "key_added", "layer", "use_rep", "random_state"):
            assert p.kind is p.KEYWORD_ONLY, p.name
        if p.name == "random_state":
            assert p.default == 0
    assert inspect.getdoc(function), "a public function is documented"


def test_unknown_room_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nothing_here"):
        _ = cx.nothing_here
    assert set(dir(cx)) == set(cx.__all__)


def test_version_is_the_installed_one():
    assert importlib.metadata.version("cellaxes") == cx.__version__
