"""Gene sets: packaged ones with free licences, or a user's GMT."""

import gzip
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from cellaxes._core.errors import InputError, near
from cellaxes._core.reading import reading
from cellaxes._core.unpack import unpacked

PACKAGED = ("go_bp", "hallmark", "reactome")
"""Names of the packaged sets; ``data/README.md`` names their sources and licences."""

Source = str | Path | Mapping[str, Iterable[str]]


@dataclass(frozen=True, repr=False)
class GeneSets:
    """Named sets of genes.

    Attributes
    ----------
    source
        Where they come from.
    terms
        Name of each set.
    members
        Gene symbols of each set.
    """

    source: str
    terms: tuple[str, ...]
    members: tuple[frozenset[str], ...]

    def indicator(
        self, genes: NDArray[np.str_], *, smallest: int = 10, largest: int = 500
    ) -> tuple[NDArray[np.str_], sp.csr_matrix]:
        """Return the sets of a size that can be tested, and which genes each holds.

        Symbols are compared without regard to case, so that mouse genes meet the human sets of
        the same name.

        Parameters
        ----------
        genes
            Names of the genes of the data that count, ``(n_genes,)``.
        smallest, largest
            Bounds of the number of genes of a set that are in `genes`.

        Returns
        -------
        terms, members
            ``(n_sets,)`` and CSR float64 of zeros and ones ``(n_genes, n_sets)``.

        Raises
        ------
        InputError
            If no set has that many of these genes.
        """
        place = {name.upper(): i for i, name in reversed(list(enumerate(genes.tolist())))}
        found = [
            sorted({place[gene.upper()] for gene in members if gene.upper() in place})
            for members in self.members
        ]
        kept = [s for s, rows in enumerate(found) if smallest <= len(rows) <= largest]
        if not kept:
            first = ", ".join(genes[:3].tolist())
            asked = ", ".join(sorted(self.members[0])[:3])
            raise InputError(
                f"no set of {self.source} has {smallest} to {largest} genes of the data (the data "
                f"have {first}, …; the sets {asked}, …): pass gene symbols of the same kind "
                "(--gene-names, gene_names: the column of var that holds them), or sets made for "
                "these genes."
            )
        rows = np.concatenate([found[s] for s in kept]).astype(np.int32)
        columns = np.repeat(np.arange(len(kept)), [len(found[s]) for s in kept])
        shape = (len(genes), len(kept))
        indicator = sp.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=shape)
        return np.array([self.terms[s] for s in kept], dtype=str), indicator

    def __repr__(self) -> str:
        return f"GeneSets({self.source}: {len(self.terms)} sets)"


def gene_sets(source: Source | GeneSets | Sequence[str | Path]) -> GeneSets:
    """Return packaged gene sets, those of a GMT file, or those of a mapping.

    Packaged: ``"hallmark"`` (50 sets, MSigDB 7.5.1), ``"reactome"`` (1,615, MSigDB 7.5.1) and
    ``"go_bp"`` (5,407, Gene Ontology biological process 2023); human symbols, free licences.

    Parameters
    ----------
    source
        A packaged name; the path of a ``.gmt`` or ``.gmt.gz`` file; term -> genes; or several
        names and paths, whose sets are joined.

    Raises
    ------
    InputError
        If the name is unknown, or the file is missing, empty or malformed.

    References
    ----------
    Liberzon et al., Cell Systems 2015; Gillespie et al., Nucleic Acids Research 2022; The Gene
    Ontology Consortium, Genetics 2023.

    Examples
    --------
    >>> gene_sets("hallmark")
    GeneSets(hallmark: 50 sets)
    """
    if isinstance(source, GeneSets):
        return source
    if isinstance(source, Mapping):
        for term, genes in source.items():
            if isinstance(genes, str) or not all(isinstance(gene, str) for gene in genes):
                raise InputError(f"gene set {term!r} must hold gene symbols, a list of strings.")
        return _made("the mapping", {term: frozenset(genes) for term, genes in source.items()})
    if isinstance(source, str | Path):
        if str(source) in PACKAGED:
            return _packaged(str(source))
        return _read(Path(source))
    if not isinstance(source, Iterable) or not (parts := [gene_sets(part) for part in source]):
        raise InputError(f"{source!r} holds no gene set: name a packaged one, or a .gmt file.")
    joined = {
        term: members
        for part in parts
        for term, members in zip(part.terms, part.members, strict=True)
    }
    return _made(" + ".join(part.source for part in parts), joined)


def _made(source: str, sets: Mapping[str, frozenset[str]]) -> GeneSets:
    if not sets:
        raise InputError(f"{source} holds no gene set.")
    return GeneSets(source, tuple(sets), tuple(sets.values()))


@cache
def _packaged(name: str) -> GeneSets:
    file = resources.files("cellaxes.features._meaning") / "data" / f"{name}.gmt.gz"
    return _made(name, _parse(gzip.decompress(file.read_bytes()).decode(), name))


def _read(path: Path) -> GeneSets:
    if not path.is_file():
        hint = near(str(path), PACKAGED)
        raise InputError(f"{path} is neither a packaged gene set nor a file: {hint}")
    with reading(path, "GMT"):
        text = unpacked(path, "GMT").decode("utf-8-sig")
    return _made(str(path), _parse(text, str(path)))


def _parse(text: str, where: str) -> dict[str, frozenset[str]]:
    sets: dict[str, frozenset[str]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        term, *rest = line.split("\t")
        members = frozenset(gene.strip() for gene in rest[1:] if gene.strip())
        if not term.strip() or not members:
            raise InputError(
                f"{where}, line {number}, is no gene set: a line of GMT is a term, a description "
                "and one or more genes, separated by tabs."
            )
        if term.strip() in sets:
            raise InputError(f"{where}, line {number}: the term {term.strip()!r} is there twice.")
        sets[term.strip()] = members
    return sets
