"""Reading an ontology: OBO, or the JSON of cellxgene-ontology-guide, plain or compressed."""

import gzip
import json
import re
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from cellaxes._core.errors import InputError
from cellaxes._core.reading import reading
from cellaxes._core.unpack import unpacked
from cellaxes.hierarchy._ontology import Ontology, Term

DEFAULT = "cl-2026-03-26"
"""The Cell Ontology that comes with the package."""
KIND = (
    "an ontology",
    "OBO and the JSON of cellxgene-ontology-guide are read, fetch it again",
)

_SYNONYM = re.compile(r'"((?:[^"\\]|\\.)*)"\s*(EXACT|NARROW|BROAD|RELATED)?')
_ESCAPE = re.compile(r"\\(.)")


def load_ontology(source: str | Path = DEFAULT) -> Ontology:
    """Read an ontology of cell types.

    Parameters
    ----------
    source
        Name of an ontology that comes with the package (`show`), or a file: OBO, or the JSON of
        cellxgene-ontology-guide; plain, ``.gz`` or ``.zst``.

    Returns
    -------
    Ontology
        Terms and is_a parents; `Ontology.with_relations` counts other edges too.

    Raises
    ------
    InputError
        If there is no such file, or it is damaged, truncated or of another kind.

    References
    ----------
    OBO flat file format 1.4. Diehl et al., J Biomed Semantics 7:44, 2016 (Cell Ontology).

    Examples
    --------
    >>> load_ontology().terms["CL:0000084"].name
    'T cell'
    """
    if str(source) == DEFAULT:
        return _shipped()
    path = Path(source)
    if not path.is_file():
        raise InputError(
            f"{path} is no file, and no ontology of that name comes with the package: "
            f"there is {DEFAULT!r}."
        )
    with reading(path, *KIND):
        text = unpacked(path, KIND[0]).decode("utf-8-sig")
        if text.lstrip().startswith("{"):
            return _json(json.loads(text), path)
        return _obo(text, path.name)


@cache
def _shipped() -> Ontology:
    packed = resources.files("cellaxes.hierarchy") / "data" / f"{DEFAULT}.obo.gz"
    return _obo(gzip.decompress(packed.read_bytes()).decode(), DEFAULT)


def _obo(text: str, where: str) -> Ontology:
    """Read OBO stanzas; of each term, what an `Ontology` needs."""
    version, terms, aliases = where, dict[str, Term](), dict[str, str]()
    for number, stanza in enumerate(re.split(r"^\[", text, flags=re.MULTILINE)):
        head, *lines = stanza.splitlines() or [""]
        if number == 0:
            stated = [line.split(":", 1)[1] for line in [head, *lines] if _is(line, "data-version")]
            version = stated[0].strip() if stated else where
        elif head.strip() == "Term]":
            term, others = _term(lines, where)
            if term.id in terms:
                raise InputError(f"{where} has the term {term.id} twice: keep one of them.")
            terms[term.id] = term
            aliases |= dict.fromkeys(others, term.id)
        elif "]" not in head:
            raise ValueError(f"it ends in the middle of [{head}")
    if not terms:
        raise ValueError("it has no [Term]")
    if not text.endswith("\n"):
        raise ValueError("it ends in the middle of a line")
    return Ontology(terms, version, aliases=aliases)


def _is(line: str, tag: str) -> bool:
    return line.startswith(tag + ":")


def _term(lines: list[str], where: str) -> tuple[Term, list[str]]:
    """Return the term of a stanza, and the ids that were merged into it."""
    said: dict[str, list[str]] = {}
    edges = []
    for line in filter(str.strip, lines):
        tag, _, value = (part.strip() for part in line.partition(":"))
        if not value:
            raise ValueError(f"the line {line!r} says nothing")
        said.setdefault(tag, []).append(value)
        if tag == "is_a":
            edges.append(("is_a", value.split()[0]))
        elif tag == "relationship" and len(value.split()) > 1:
            relation, target = value.split()[:2]
            edges.append((relation, target))
    if not said.get("id"):
        raise ValueError("a [Term] has no id")
    synonyms = (_SYNONYM.match(value) for value in said.get("synonym", []))
    term = Term(
        id=said["id"][0].split()[0],
        name=said.get("name", [""])[0],
        synonyms=tuple(
            (found[2] or "", _ESCAPE.sub(r"\1", found[1])) for found in synonyms if found
        ),
        edges=tuple(edges),
        deprecated=said.get("is_obsolete", [""])[0].startswith("true"),
        replaced_by=tuple(value.split()[0] for value in said.get("replaced_by", [])),
    )
    return term, [value.split()[0] for value in said.get("alt_id", [])]


def _json(content: Any, path: Path) -> Ontology:
    """Read ``{id: {label, ancestors: {id: distance}, synonyms, deprecated, replaced_by}}``."""
    try:
        terms = {
            one: Term(
                id=one,
                name=_word(entry["label"]),
                synonyms=tuple(("", _word(text)) for text in entry.get("synonyms", ())),
                edges=tuple(("is_a", up) for up, steps in entry["ancestors"].items() if steps == 1),
                deprecated=bool(entry["deprecated"]),
                replaced_by=tuple(map(_word, _ids(entry.get("replaced_by")))),
            )
            for one, entry in content.items()
        }
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError("its JSON is of another kind") from error
    return Ontology(terms, path.name.split(".json")[0])


def _word(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _ids(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value or ())
