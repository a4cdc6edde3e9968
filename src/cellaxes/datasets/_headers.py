"""What the header lines of a FASTA file say of its sequences."""

import datetime
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellaxes._core.errors import InputError
from cellaxes.datasets._lineages import PANGO

DATE = re.compile(r"\d{4}(-[0-9X]{1,2}){0,2}")
FULL = re.compile(r"\d{4}-\d{2}-\d{2}")
VIRUS, VIRUS_SINCE = "hCoV-19/", "2019-12-01"
"""How names of SARS-CoV-2 begin, and before when there are none."""
ACCESSION = "EPI_ISL_"
ORIGIN = 2020
"""Months are counted from January of this year, as in arXiv 2503.02726."""
LOOK = 100
"""Headers looked at to tell their style."""


@dataclass(frozen=True, eq=False)
class Headers:
    """Names and annotations of sequences.

    Attributes
    ----------
    ids
        Name of each sequence.
    keep
        Which sequences are kept, ``(n,)``.
    columns
        Annotations of those kept, by name.
    notes
        What was left out, a sentence each.
    """

    ids: list[str]
    keep: NDArray[np.bool_]
    columns: dict[str, NDArray[Any]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def read_headers(headers: Sequence[str], where: str, *, since: str | None, until: str) -> Headers:
    """Tell the style of the headers and read them.

    Fields stand between ``|``. Where one is a date, or an accession of GISAID, all sequences
    must have a date; where the last is a number throughout, it is a measured value; where
    the whole is the name of a Pango lineage throughout, it is that; else the first word is a
    name.

    Parameters
    ----------
    headers
        Lines without ``>``.
    where
        How messages call the file.
    since
        First possible date; None: December 2019 of SARS-CoV-2, else 1900.
    until
        Last possible date.
    """
    fields = [[part.strip() for part in header.split("|")] for header in headers]
    if any(FULL.fullmatch(p) or p.startswith(ACCESSION) for some in fields[:LOOK] for p in some):
        return _dated(fields, where, since, until)
    everything = np.ones(len(headers), dtype=bool)
    values = [_number(some[-1]) if len(some) > 1 else None for some in fields]
    if None not in values:
        ids = ["|".join(some[:-1]) for some in fields]
        return Headers(ids, everything, {"value": np.array(values, dtype=np.float64)})
    ids = [(header.split() or [""])[0] for header in headers]
    if all(PANGO.fullmatch(name) for name in ids):
        return Headers(ids, everything, {"lineage": np.array(ids)})
    return Headers(ids, everything)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if np.isfinite(value) else None


def _dated(fields: Sequence[Sequence[str]], where: str, since: str | None, until: str) -> Headers:
    ids = [_id(some) for some in fields]
    viral = any(part.startswith(VIRUS) for some in fields[:LOOK] for part in some)
    first, last = _date(since or (VIRUS_SINCE if viral else "1900-01-01")), _date(until)
    if first is None:
        raise InputError(f"since must be a date as 2019-12-01, but is {since!r}.")
    if last is None:
        raise InputError(f"until must be a date as 2024-12-31, but is {until!r}.")
    dates: list[datetime.date] = []
    keep = np.zeros(len(ids), dtype=bool)
    incomplete: list[str] = []
    impossible: list[str] = []
    for place, some in enumerate(fields):
        told = [part for part in some[1:] if DATE.fullmatch(part)]
        text = next(filter(FULL.fullmatch, told), None)
        day = None if text is None else _date(text)
        if text is None or text.endswith("-00") or "-00-" in text:
            incomplete.append(text or (told or ["none"])[0])
        elif day is None or not first <= day <= last:
            impossible.append(text)
        else:
            keep[place] = True
            dates.append(day)
    if not dates:
        raise InputError(
            f"none of the {len(ids)} sequences of {where} has a full date between {first} and "
            f"{last} in its header: pass since= or until= if they have others."
        )
    notes = [
        f"{len(found)} of {len(ids)} sequences are left out, their date is {what} "
        f"(the first: {found[0]})"
        for found, what in (
            (incomplete, "missing or incomplete"),
            (impossible, f"impossible or not between {first} and {last}"),
        )
        if found
    ]
    months = [12 * (day.year - ORIGIN) + day.month - 1 for day in dates]
    columns = {"date": np.array([day.isoformat() for day in dates]), "month": np.array(months)}
    return Headers(ids, keep, columns, notes)


def _date(text: str) -> datetime.date | None:
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        return None


def _id(fields: Sequence[str]) -> str:
    """Return the accession, else the first field that is no name of a protein."""
    for part in fields:
        if part.startswith(ACCESSION):
            return part
    named = len(fields) > 1 and fields[1].startswith(VIRUS)
    return fields[1] if named else fields[0]
