"""From the name of a cell type, or an id, to a term."""

import difflib
import re
from dataclasses import dataclass
from functools import lru_cache

from cellaxes.hierarchy._ontology import Ontology

_KINDS = ("name", "EXACT", "NARROW", "BROAD", "RELATED", "")
_PREFIX = re.compile(r"^obsolete[ :]+", re.IGNORECASE)
_URL = re.compile(r"^(?:https?://\S*/)?([A-Za-z]+)[_:](\w+)$")


@dataclass(frozen=True)
class Match:
    """The term of a label.

    Attributes
    ----------
    id
        Of the term, which is not obsolete.
    how
        What matched: ``"id"``, ``"name"``, ``"EXACT synonym"``, …
    alternatives
        Ids of other terms that match as well.
    """

    id: str
    how: str
    alternatives: tuple[str, ...] = ()


def successor(identifier: str, ontology: Ontology) -> str | None:
    """Return the id that stands for ``identifier`` now, or None.

    That is itself, what it was merged into, or what replaced it. Ids may be written
    ``CL:0000084``, ``CL_0000084`` or as an address that ends so.
    """
    found = _URL.match(identifier.strip())
    one = f"{found[1].upper()}:{found[2]}" if found else identifier.strip()
    one = one if one in ontology else identifier.strip()
    seen: set[str] = set()
    while one not in seen:
        seen.add(one)
        one = ontology.aliases.get(one, one)
        if one not in ontology:
            return None
        term = ontology.terms[one]
        if not term.deprecated:
            return one
        if not term.replaced_by:
            return None
        one = term.replaced_by[0]
    return None


@lru_cache(maxsize=4)
def names_of(ontology: Ontology) -> "Names":
    """Return the index of names of an ontology, made once."""
    return Names(ontology)


class Names:
    """Finds terms of an ontology by name.

    The label as it is comes before the label less ``", human"`` and with it. For each, the name of
    a term comes before its synonyms, and these by scope: EXACT, NARROW, BROAD, RELATED, not said.
    Terms in use come before obsolete ones, which stand for what replaced them. Upper and lower
    case are the same unless that alone decides. Of what is left, the lowest id wins.
    """

    def __init__(self, ontology: Ontology) -> None:
        self.ontology = ontology
        self._index: dict[str, list[tuple[bool, int, str, str]]] = {}
        for term in ontology.terms.values():
            name = _PREFIX.sub("", term.name) if term.deprecated else term.name
            for scope, text in (("name", name), *term.synonyms):
                if text:
                    entry = (term.deprecated, _KINDS.index(scope), text, term.id)
                    self._index.setdefault(_key(text), []).append(entry)

    def find(self, label: str) -> Match | None:
        """Return the term of a label, or None."""
        bare = re.sub(r",\s*human$", "", label.strip(), flags=re.IGNORECASE)
        for text in dict.fromkeys((label, bare, f"{bare}, human")):
            found = sorted(
                (old, kind, written != text.strip(), one, now)
                for old, kind, written, one in self._index.get(_key(text), ())
                if (now := successor(one, self.ontology)) is not None
            )
            if found:
                old, kind, *_, first = found[0]
                alike = dict.fromkeys(entry[-1] for entry in found if entry[:3] == found[0][:3])
                how = "name" if kind == 0 else f"{_KINDS[kind]} synonym".strip()
                how += "" if text == label else " (', human')"
                how += " of an obsolete term" if old else ""
                return Match(first, how, tuple(one for one in alike if one != first))
        return None

    def nearest(self, label: str, n: int = 2) -> list[str]:
        """Return up to ``n`` names or synonyms that look like ``label``, best first."""
        texts = {key: entries[0][2] for key, entries in self._index.items()}
        return [
            texts[key] for key in difflib.get_close_matches(_key(label), texts, n=n, cutoff=0.6)
        ]


def _key(text: str) -> str:
    return " ".join(text.casefold().split())
