"""Protein sequences of a FASTA file."""

import datetime
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes._core import keys
from cellaxes._core.errors import InputError, near
from cellaxes._core.modality import RESIDUES, Sequences, set_modality
from cellaxes._core.reading import naming, shortened
from cellaxes._core.unpack import unpacked
from cellaxes.datasets._headers import Headers, read_headers
from cellaxes.datasets._lineages import ALIASES, lineage_levels, read_aliases
from cellaxes.datasets._pixels import in_obs

EXTRA = "XBZU*-"
"""Signs that may stand beside the twenty amino acids: unknown or ambiguous residues,
selenocysteine, stop and gap."""
UNKNOWN = 255
BASES, ENOUGH = "ACGTNU-", 200
"""A file of so many signs that are all bases holds no proteins."""
_SPACE = b" \t\r\n\v\f"


def read_sequences(
    path: str | Path,
    *,
    aliases: str | Path | None = None,
    n_levels: int = 6,
    since: str | None = None,
    until: str | None = None,
) -> anndata.AnnData:
    """Read protein sequences with what their headers say.

    Parameters
    ----------
    path
        FASTA file, plain, ``.gz`` or ``.zst``. Headers may be names of Pango lineages
        (``>BA.2.86``), of GISAID (``>Spike|hCoV-19/…|2021-03-05|EPI_ISL_…|…``), have a measured
        number at their end (``>name|1.58``), or begin with any name.
    aliases
        ``alias_key.json`` of the Pango network; unless given, the one beside ``path``, if any.
    n_levels
        Coarse levels of lineages; those of fewer than 20 sequences go with the lineage above.
    since
        First possible date, as ``2019-12-01``, which it is for SARS-CoV-2.
    until
        Last possible date; unless given the day the file was last written (UTC), so that the same
        file gives the same sequences whenever it is read.

    Returns
    -------
    AnnData with ``X`` ``(n, length of the longest)`` uint8 codes, 0 after the end. ``obs`` is
    named by id and holds, where headers say so, ``lineage`` and ``lineage_1`` (coarse) to
    ``lineage_6``; ``date`` and ``month`` (whole months since January 2020); ``value``, also as
    ``obsm["value"]``. Sequences with an impossible or incomplete date are left out, and
    counted in ``uns["cellaxes_notes"]``.

    Raises
    ------
    InputError
        If the file is damaged, empty or no FASTA, holds nucleotides, a sequence is empty, an id
        is there twice, a sign is no residue, or a lineage is not in the alias key.
    """
    path = Path(path)
    names, residues = _records(path)
    written = datetime.datetime.fromtimestamp(path.stat().st_mtime, datetime.UTC).date()
    headers = read_headers(names, str(path), since=since, until=until or written.isoformat())
    duplicated = pd.Index(headers.ids).duplicated()
    if duplicated.any():
        first = shortened(headers.ids[int(np.flatnonzero(duplicated)[0])])
        raise InputError(
            f"{path} has {int(duplicated.sum())} ids a second time, {first!r} is the first: keep "
            "one sequence of each."
        )
    ids = [name for name, kept in zip(headers.ids, headers.keep, strict=True) if kept]
    chosen = [found for found, kept in zip(residues, headers.keep, strict=True) if kept]
    codes, alphabet = _codes(chosen, ids, path)
    columns, notes = _lineages(headers, path, aliases, n_levels)
    obs = pd.DataFrame(
        {name: in_obs(column) for name, column in columns.items()}, index=pd.Index(ids)
    )
    var = pd.DataFrame(index=pd.Index(np.arange(1, codes.shape[1] + 1).astype(str)))
    adata = anndata.AnnData(X=codes, obs=obs, var=var)
    if "value" in columns:
        adata.obsm["value"] = columns["value"][:, None]
    if notes:
        adata.uns[keys.notes()] = np.array(notes)
    set_modality(adata, Sequences(alphabet, codes.shape[1]))
    return adata


def _records(path: Path) -> tuple[list[str], list[bytes]]:
    """Return header lines and residues, as they stand."""
    if not path.is_file():
        beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        raise InputError(f"{path} is no file: {near(path.name, beside)}")
    data = unpacked(path, "sequences").removeprefix(b"\xef\xbb\xbf").replace(b"\r", b"\n").strip()
    if not data:
        raise InputError(f"{path} is empty: it holds no sequence.")
    if not data.startswith(b">"):
        raise InputError(f"{path} is no FASTA file: it does not begin with a line '>name'.")
    split = [record.partition(b"\n") for record in data[1:].split(b"\n>")]
    names = [head.decode("utf-8", errors="replace").strip() for head, _, _ in split]
    residues = [body.translate(None, _SPACE) for _, _, body in split]
    for name, found in zip(names, residues, strict=True):
        if not found:
            raise InputError(
                f"{path}: the sequence {shortened(name)!r} has no residues: the file is truncated, "
                "or this record is to be removed."
            )
    return names, residues


def _codes(residues: list[bytes], ids: list[str], path: Path) -> tuple[NDArray[np.uint8], str]:
    """Return the codes ``(n, length)`` and the alphabet: the twenty and what else occurs."""
    table = np.full(256, UNKNOWN, dtype=np.uint8)
    for place, sign in enumerate(RESIDUES + EXTRA):
        table[[ord(sign), ord(sign.lower())]] = place + 1
    packed = table.tobytes()
    codes = np.zeros((len(residues), max(map(len, residues))), dtype=np.uint8)
    for row, found in enumerate(residues):
        coded = found.translate(packed)
        at = coded.find(UNKNOWN)
        if at >= 0:
            sign = found[at : at + 1].decode("latin1")
            raise InputError(
                f"{path}: residue {at + 1} of {shortened(ids[row])!r} is {sign!r}, which is no "
                f"amino acid: the twenty, and {' '.join(EXTRA)}, are read."
            )
        codes[row, : len(coded)] = np.frombuffer(coded, dtype=np.uint8)
    occurs = np.zeros(256, dtype=bool)
    for start in range(0, len(codes), 4096):
        occurs |= np.bincount(codes[start : start + 4096].ravel(), minlength=256) > 0
    bases = [0, *(table[ord(sign)] for sign in BASES)]
    if not np.delete(occurs, bases).any() and int((codes > 0).sum()) >= ENOUGH:
        raise InputError(
            f"{path} holds {', '.join(sign for sign in BASES if occurs[table[ord(sign)]])} alone: "
            "these are nucleotides; translate them to proteins first."
        )
    first = len(RESIDUES) + 1
    extra = [code for code in range(first, first + len(EXTRA)) if occurs[code]]
    squeeze = np.arange(256, dtype=np.uint8)
    squeeze[extra] = first + np.arange(len(extra), dtype=np.uint8)
    return squeeze[codes], RESIDUES + "".join(EXTRA[code - first] for code in extra)


def _lineages(
    headers: Headers, path: Path, aliases: str | Path | None, n_levels: int
) -> tuple[dict[str, NDArray[np.generic]], list[str]]:
    """Return the columns with coarse lineages where there are any, and the notes."""
    columns, notes = dict(headers.columns), list(headers.notes)
    if "lineage" in columns:
        key = Path(aliases) if aliases is not None else path.parent / ALIASES
        if aliases is None and not key.is_file():
            notes.append(f"no {ALIASES} beside the file: lineages have no coarse levels")
        else:
            known = read_aliases(key)
            with naming(key):
                columns |= lineage_levels(list(columns["lineage"]), known, n_levels)
    elif aliases is not None:
        raise InputError(f"{path} names no lineages that {aliases} could write out.")
    return columns, notes
