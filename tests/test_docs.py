"""The documentation: links lead somewhere, commands exist, nothing public is left out."""

import importlib.util
import inspect
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import typer
from numpy.typing import ArrayLike

import cellaxes as cx
from cellaxes.cli._app import app

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
MADE = ("_build", "api")
"""Folders of the build."""

PAGES = [ROOT / "README.md"] + [
    path for path in sorted(DOCS.rglob("*.md")) if not set(MADE) & set(path.relative_to(DOCS).parts)
]
LINK = re.compile(r"!?\[[^\]]*\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")
FENCE = re.compile(r"^(`{3,}|:{3,})([^\n]*)\n(.*?)^\1\s*$", re.M | re.S)


def extension(name: str):
    """Import a module of ``docs/extensions``, which is no package."""
    spec = importlib.util.spec_from_file_location(name, DOCS / "extensions" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def prose(page: Path) -> str:
    """Return a page without what stands in fences."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def slug(heading: str) -> str:
    """Return the anchor of a heading, as GitHub and MyST make it."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    text = prose(page)
    return {slug(found) for found in re.findall(r"^#{1,6} (.+)$", text, re.M)} | set(
        re.findall(r"^\(([\w-]+)\)=$", text, re.M)
    )


def broken(page: Path, target: str) -> str:
    """Say what is wrong with a link of a page, or nothing."""
    if re.match(r"[a-z]+:", target):
        return (
            ""
            if re.fullmatch(r"(https?://[\w.-]+\.[a-z]{2,}(/\S*)?|mailto:\S+@\S+)", target)
            else "malformed"
        )
    path, _, anchor = target.partition("#")
    there = (page.parent / path).resolve() if path else page
    if path == "api/index" and page.parent == DOCS:  # made by the build
        return ""
    if not there.is_file():
        return "no such file"
    return "no such anchor" if anchor and anchor not in anchors(there) else ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page):
    text = prose(page)
    found = {target: broken(page, target) for target in LINK.findall(text)}
    assert {target: said for target, said in found.items() if said} == {}


def test_a_link_that_leads_nowhere_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# A heading: with `code`\n")
    assert broken(page, "#a-heading-with-code") == ""
    assert broken(page, "#another") == "no such anchor"
    assert broken(page, "missing.md") == "no such file"
    assert broken(page, "https://x y") == broken(page, "http://nothing") == "malformed"


MENTION = re.compile(
    r"`((?:docs|benchmarks|tests|src|tutorials|verbs)/(?!_build/)[\w./-]+\.\w+)`"
    r"|python ((?:benchmarks|docs)/[\w./]+\.py)"
    r"|`(test_\w+\.py)"
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_is_named_exists(page):
    named = ["".join(found) for found in MENTION.findall(page.read_text(encoding="utf-8"))]
    places = (ROOT, DOCS, ROOT / "tests")
    assert [name for name in named if not any((place / name).is_file() for place in places)] == []


def commands(page: Path) -> Iterator[list[str]]:
    """Give the words of every ``cellaxes …`` that a page shows in a block or a line of code."""
    text = page.read_text(encoding="utf-8")
    shown = []
    for _, head, body in FENCE.findall(text):
        if head.strip() in ("", "sh", "bash", "console"):
            lines = re.sub(r"\\\n\s*", " ", body).splitlines()
            shown += [re.sub(r"(?:^|\s)#\s.*", "", line).strip() for line in lines]
    shown += [re.sub(r"\s+", " ", line) for line in re.findall(r"`(cellaxes [^`]+)`", prose(page))]
    for line in shown:
        if line.startswith("cellaxes ") and not {"|", "…"} & set(line[:10]):
            yield shlex.split(line)[1:]


def resolve(words: list[str]) -> str:
    """Say what the command line does not know of these words, without running anything."""
    command = typer.main.get_command(app)
    context = click.Context(command, info_name="cellaxes")
    while isinstance(command, click.Group) or hasattr(command, "commands"):
        if not words or words[0].startswith("-"):
            break
        if words[0] in command.commands:
            command, words = command.commands[words[0]], words[1:]
        elif "cells" in command.commands:  # `explain cells.h5ad` is `explain cells cells.h5ad`
            command = command.commands["cells"]
        else:
            return f"no command {words[0]}"
    known = {name for parameter in command.get_params(context) for name in parameter.opts}
    known |= {"--help"}
    given = [word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)]
    return ", ".join(f"no option {word}" for word in given if word not in known)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_that_is_shown_exists(page):
    said = {" ".join(words): resolve(words) for words in commands(page)}
    assert {line: wrong for line, wrong in said.items() if wrong} == {}


def test_a_command_that_does_not_exist_is_found():
    assert resolve(["measure", "cells.h5ad", "--signal", "label:x", "--out", "o"]) == ""
    assert resolve(["explain", "cells.h5ad", "--rep", "X_pca"]) == ""
    assert resolve(["mesure", "cells.h5ad"]) == "no command mesure"
    assert resolve(["predict", "fits"]) == "no command fits"
    assert resolve(["measure", "cells.h5ad", "--sead", "3"]) == "no option --sead"


def test_commands_are_read_over_lines_and_without_remarks(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "```sh\ncellaxes measure a.h5ad \\\n    --out o   # small\n```\n`cellaxes zoo\nt.csv`"
    )
    assert list(commands(page)) == [["measure", "a.h5ad", "--out", "o"], ["zoo", "t.csv"]]


def test_readers_of_the_readme_are_shown_commands():
    assert len(list(commands(ROOT / "README.md"))) > 8


def test_every_public_name_has_an_entry_in_the_reference():
    rooms = extension("rooms")
    for room in rooms.rooms():
        text = rooms.page(room)
        module = importlib.import_module(f"cellaxes.{room}")
        for name in module.__all__:
            if not inspect.ismodule(getattr(module, name)):
                entry = rf"^\.\. (auto\w+|data):: (cellaxes\.{re.escape(room)}\.)?{name}$"
                assert re.search(entry, text, re.M), f"{room}.{name}"
    listed = rooms.index()
    assert all(f"<{room}>" in listed for room in rooms.rooms())
    assert {n for n in cx.__all__ if inspect.ismodule(getattr(cx, n))} <= set(rooms.rooms())


def test_types_are_written_as_in_the_sources():
    typing = pytest.importorskip("sphinx.util.typing", reason="needs the extra docs")
    short = extension("rooms").short
    array = "numpy.ndarray[tuple[typing.Any, ...], numpy.dtype[numpy.float32]]"
    assert short(array) == "NDArray[np.float32]"
    assert short(f"tuple[~{array}, str] | None") == "tuple[NDArray[np.float32], str] | None"
    assert short("cellaxes.scaling._result.NoiseFit") == "NoiseFit"
    assert short(typing.stringify_annotation(ArrayLike | None, "smart")) == "ArrayLike | None"


def test_prose_under_returns_is_not_taken_for_a_type():
    say = extension("rooms").say_returns
    rest = ["", "Raises", "------", "InputError", "    If."]
    head = ["Do.", "", "Returns", "-------"]
    place = extension("rooms")._PLACE
    assert say([*head, "The path", "of it.", *rest]) == [
        *head, place, "    The path", "    of it.", *rest
    ]  # fmt: skip
    assert say([*head, "Last."]) == [*head, place, "    Last."]
    typed = [*head, "Cells", "    The folder.", *rest]
    assert say(typed) == typed


def test_what_a_page_asks_of_another_host_is_found():
    fetched = extension("offline").fetched
    assert fetched('<script async src="https://cdn.org/x.js"></script>') == ["https://cdn.org/x.js"]
    assert fetched('<link href="//fonts.org/a.css" rel="stylesheet">') == ["//fonts.org/a.css"]
    assert fetched("@font-face { src: url(https://fonts.org/a.woff2) }") == [
        "https://fonts.org/a.woff2"
    ]
    assert fetched('<a href="https://paper.org">paper</a><img src="figure.png">') == []


def test_every_page_stands_in_the_contents():
    listed = "\n".join(
        body
        for _, head, body in FENCE.findall((DOCS / "index.md").read_text())
        if "toctree" in head
    )
    names = {
        str(page.relative_to(DOCS).with_suffix("")) for page in PAGES if page.is_relative_to(DOCS)
    }
    assert names - set(listed.split()) == {"index"}


# ---- the tutorial whose data cannot be shipped ---------------------------------------------------

NOTEBOOK = DOCS / "tutorials" / "predict.ipynb"
NUMBER = re.compile(r"-?\d+(?:[.,]\d+)*")


def apart(old: str, new: str) -> bool:
    """Whether two outputs say different things: other words, or numbers 2 % and 0.02 apart."""
    words = [re.sub(r"[\s-]+", " ", NUMBER.sub("#", text)) for text in (old, new)]
    values = [[float(n.replace(",", "")) for n in NUMBER.findall(text)] for text in (old, new)]
    return words[0] != words[1] or values[0] != pytest.approx(values[1], rel=0.02, abs=0.02)


def test_outputs_are_compared_by_words_and_numbers():
    assert not apart("error 4.74 (12%)", "error  4.75 (12%)")
    assert apart("error 4.74", "error 5.74")
    assert apart("error 4.74", "gain 4.74")
    assert apart("error 4.74", "error 4.74 5")


def test_the_predict_tutorial_says_what_it_said(shared):
    nbformat = pytest.importorskip("nbformat", reason="needs the extra docs")
    rerun = extension("rerun")
    old = rerun.texts(nbformat.read(NOTEBOOK, as_version=4))
    assert sum(map(bool, old)) >= 6, "the notebook has no outputs: run docs/extensions/rerun.py"
    new = rerun.texts(rerun.rerun(NOTEBOOK))
    assert {at: new[at] for at in range(len(old)) if apart(old[at], new[at])} == {}


def test_the_predict_tutorial_shows_nothing_of_this_machine():
    assert not re.search(r"/(?:tmp|home|root|work|Users)/", NOTEBOOK.read_text(encoding="utf-8"))
