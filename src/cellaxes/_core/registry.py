"""What a room offers, as a table of frozen records."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Generic, TypeVar

import pandas as pd

from cellaxes._core.errors import InputError, near


@dataclass(frozen=True)
class Info:
    """What a person should know of an entry before choosing it.

    Attributes
    ----------
    name
        How it is asked for.
    description
        One sentence.
    units
        Of what it returns.
    reference
        Paper, equation.
    limits
        Where it is known to fail.
    """

    name: str
    description: str
    units: str
    reference: str
    limits: str


T = TypeVar("T")


class Registry(Generic[T]):
    """Named entries with their `Info`, in order of registration.

    Parameters
    ----------
    noun
        What an entry is called in messages, e.g. ``"model"``.
    """

    def __init__(self, noun: str) -> None:
        self.noun = noun
        self._entries: dict[str, tuple[Info, T]] = {}

    def add(self, info: Info, entry: T) -> None:
        """Register ``entry``; a name is given once."""
        if info.name in self._entries:
            raise InputError(f"a {self.noun} named {info.name!r} is registered already.")
        self._entries[info.name] = (info, entry)

    def __getitem__(self, name: str) -> T:
        if name not in self._entries:
            raise InputError(f"there is no {self.noun} {name!r}: {near(name, self._entries)}")
        return self._entries[name][1]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def show(self) -> pd.DataFrame:
        """Return one row per entry: name, description, units, reference, limits."""
        rows: list[dict[str, Any]] = [asdict(info) for info, _ in self._entries.values()]
        return pd.DataFrame(rows, columns=["name", "description", "units", "reference", "limits"])
