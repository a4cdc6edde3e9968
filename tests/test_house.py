"""The house itself: arrows between rooms, cheap import, public signatures."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

import cellaxes as cx

SOURCE = Path(cx.__file__).parent

ARROWS = {
    "_core": set(),
    "datasets": {"_core"},
    "noise": {"_core"},
    "embed": {"_core"},
    "signal": {"_core", "hierarchy"},
    "information": {"_core"},
    "scaling": {"_core"},
    "features": {"_core", "information"},
    "hierarchy": {"_core", "information"},
    "perturbation": {"_core"},
    "study": {"_core", "datasets", "noise", "embed", "signal", "information"},
    "pl": {"_core", "scaling"},
    "report": {"_core", "features", "hierarchy", "perturbation", "pl", "scaling"},
    "verbs": {
        "_core",
        "embed",
        "features",
        "hierarchy",
        "information",
        "noise",
        "perturbation",
        "report",
        "scaling",
        "study",
    },
    "cli": {"_core", "datasets", "features", "hierarchy", "report", "scaling", "study", "verbs"},
}


def imports(source: str, package: str) -> set[str]:
    """Return the dotted modules that a source takes names from, relative ones resolved."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1]
            module = ".".join(base[: len(base)]) if node.level else ""
            module = ".".join(filter(None, [module, node.module]))
            found |= {f"{module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.split(".")[0] == "cellaxes"}


def imports_of(path: Path) -> set[str]:
    package = ".".join(("cellaxes", *path.relative_to(SOURCE).parent.parts))
    return imports(path.read_text(), package)


def test_the_reader_of_imports_sees_every_form():
    source = (
        "from cellaxes import study\nimport cellaxes.verbs as v\nimport cellaxes\n"
        "from ..report import brief\nfrom . import _x\nfrom cellaxes.pl._y import z\nimport numpy"
    )
    assert imports(source, "cellaxes.noise") == {
        "cellaxes.study",
        "cellaxes.verbs",
        "cellaxes",
        "cellaxes.report.brief",
        "cellaxes.noise._x",
        "cellaxes.pl._y.z",
    }


def test_every_room_has_its_arrows_declared():
    rooms = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    assert rooms == set(ARROWS)


@pytest.mark.parametrize("room", sorted(ARROWS))
def test_arrows_point_one_way_and_enter_by_the_front_door(room):
    for path in (SOURCE / room).rglob("*.py"):
        for name in imports_of(path):
            parts = name.split(".")
            assert len(parts) > 1, f"{path}: import the room, not the whole package"
            assert parts[1] in {room, *ARROWS[room]}, f"{path} may not import {name}"
            private = len(parts) > 2 and parts[2].startswith("_")
            assert not private or parts[1] in (room, "_core"), f"{path}: {name}"


def test_architecture_page_tells_every_room_and_its_arrows():
    page = (SOURCE.parents[1] / "docs" / "architecture.md").read_text()
    told = {}
    for line in page.splitlines():
        if found := re.fullmatch(r"\| `(\w+)/` \| .* \| ([^|]*) \|", line):
            told[found[1]] = set(re.findall(r"`(\w+)`", found[2]))
    assert told == ARROWS


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


def test_a_stream_is_the_same_for_numbers_of_numpy():
    from cellaxes._core.random import stream

    assert stream(0, "x", np.int64(3)).random() == stream(0, "x", 3).random()


def versions(name: str) -> dict[str, str]:
    lines = (SOURCE.parents[1] / name).read_text().splitlines()
    return dict(line.split("==") for line in lines)


def asked(extras: tuple[str, ...]) -> dict[str, str]:
    """Return what the project asks for at least, by name."""
    project = tomllib.loads((SOURCE.parents[1] / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"]]
    for extra in extras:
        wanted += project["optional-dependencies"][extra]
    found = (re.match(r"([\w-]+)(?:\[[\w,]+\])?[>=]=([\d.]+)", each) for each in wanted)
    return {match[1]: match[2] for match in found}


def test_the_oldest_versions_allowed_are_those_that_are_tested():
    tested = versions("constraints-floors.txt")
    floors = asked(("chem", "dask", "demo", "images", "scvi", "search", "transformers"))
    floors.pop("torch")  # its older releases have no CPU build to test with
    assert floors.keys() <= tested.keys()
    for name, floor in floors.items():
        assert (tested[name] + ".0.0").startswith(floor + ".0" * (2 - floor.count("."))), name


def test_python_3_13_is_tested_without_torch_and_with_the_next_anndata():
    tested = versions("constraints-3.13.txt")
    assert "torch" not in tested
    assert asked(()).keys() - tested.keys() == {"torch"}
    assert tested["anndata"].startswith("0.13.")
    assert tested["zarr"].startswith("3.")
