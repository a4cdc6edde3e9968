"""A fitted adapter: transform, save, load."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.artefact import Artefact, opened
from cellaxes._core.errors import InputError
from cellaxes.hierarchy._adapters._methods import METHODS
from cellaxes.hierarchy._adapters._unit import unit
from cellaxes.hierarchy._adapters._v5 import PREFIX
from cellaxes.hierarchy._ingest._cells import Cells, CellStream, as_stream

KIND = "hierarchy.adapter"
_ROWS = 1 << 16


@dataclass(frozen=True, eq=False)
class Adapter:
    """A map of an embedding whose prefixes stand for levels, coarse to fine.

    Attributes
    ----------
    method
        How it was fitted.
    dims
        Length of the prefix of each level; the last is the whole vector.
    levels
        Names of the levels.
    n_dimensions
        Of the embedding that it takes.
    params
        What was chosen, in JSON's own types.
    arrays
        What was learned, float32 of any shape, by name.
    """

    method: str
    dims: tuple[int, ...]
    levels: tuple[str, ...]
    n_dimensions: int
    params: dict[str, Any]
    arrays: dict[str, NDArray[np.float32]]

    @property
    def sliceable(self) -> bool:
        """Whether a prefix is the first dimensions of what `transform` returns."""
        return self.method != "v5"

    def __repr__(self) -> str:
        prefixes = ", ".join(f"{n} {k}" for n, k in zip(self.levels, self.dims, strict=True))
        said = ""
        if self.method == "residual":
            linear, network = self.params["linear"], self.params["network"]
            said = f"; discriminants x {linear:g}, network x {network:g}, by {self.params['aside']}"
            if linear == network == 0:
                said = f"; rotation alone, by {self.params['aside']}"
        return f"Adapter({self.method}, {self.n_dimensions} -> {prefixes}{said})"

    def transform(self, Z: ArrayLike, truncate_dim: int | None = None) -> NDArray[np.float32]:
        """Return the adapted embedding ``(n_cells, dims[-1])``, float32.

        Rows have length one, but zero rows, which stay zero, and those of ``"identity"``, which is
        the embedding as it is. A prefix is ``unit(transform(Z)[:, :k])``, with a meaning at each k
        of ``dims``. A cell's values do not depend on other cells.

        Parameters
        ----------
        Z
            Embedding ``(n_cells, n_dimensions)``, array or memory map.
        truncate_dim
            Return the prefix of this length, rows of length one. Of ``"v5"`` its own prefix, which
            is no slice of the whole and exists at ``dims`` alone.

        Raises
        ------
        InputError
            If the width is another, values are NaN or infinite, or there is no such prefix.
        """
        rows = np.asanyarray(Z)
        if rows.ndim != 2 or rows.shape[1] != self.n_dimensions:
            raise InputError(
                f"Z has shape {rows.shape}, but this adapter was fitted to {self.n_dimensions} "
                "dimensions: pass the embedding it was fitted to."
            )
        k = self._length(truncate_dim)
        out = np.zeros((len(rows), k), dtype=np.float32)
        for first in range(0, len(rows), _ROWS):
            out[first : first + _ROWS] = self._block(
                rows[first : first + _ROWS], first, truncate_dim
            )
        return out

    def transform_cells(self, cells: CellStream | Cells) -> CellStream:
        """Return ``cells`` with the adapted embedding, block by block, and their labels.

        Nothing is read before `write_cells`, `write_parquet` or ``load`` asks for it, so that
        millions of cells pass through the memory of one block.

        Raises
        ------
        InputError
            If the embedding has another width.
        """
        source = as_stream(cells)
        if source.n_dims != self.n_dimensions:
            raise InputError(
                f"{source.where} has {source.n_dims} dimensions, but this adapter was fitted to "
                f"{self.n_dimensions}: read the embedding it was fitted to."
            )
        return replace(
            source,
            n_dims=self.dims[-1],
            where=f"{source.where}, adapted",
            read=lambda: (self.transform(block) for block in source.blocks()),
        )

    def to_frame(self) -> pd.DataFrame:
        """Return what a residual adapter chose from: one row per strength.

        Columns: ``linear``, ``network`` (strengths), for each level the gain in accuracy over the
        untouched embedding, their mean ``gain``, its standard ``error``, what it ``needed`` to be
        taken, and ``chosen``.

        Raises
        ------
        InputError
            If the method chooses nothing.
        """
        if "candidates" not in self.params:
            raise InputError(f"{self.method!r} chooses nothing: only 'residual' has a table.")
        rows = []
        for one in self.params["candidates"]:
            same = all(one[part] == self.params[part] for part in ("linear", "network"))
            gains = dict(zip(self.levels, one["gains"], strict=True))
            rest = {name: one[name] for name in ("gain", "error", "needed")}
            rows.append(
                {
                    "linear": one["linear"],
                    "network": one["network"],
                    **gains,
                    **rest,
                    "chosen": same,
                }
            )
        return pd.DataFrame(rows)

    def save(self, path: str | Path) -> None:
        """Write the folder ``path``: ``artefact.json`` and ``arrays.safetensors``.

        Raises
        ------
        InputError
            If ``path`` exists.
        """
        params = {
            "method": self.method,
            "dims": list(self.dims),
            "levels": list(self.levels),
            "n_dimensions": self.n_dimensions,
            "params": self.params,
        }
        Artefact(KIND, params, dict(self.arrays)).save(path)

    def _length(self, truncate_dim: int | None) -> int:
        if truncate_dim is None:
            return self.dims[-1]
        allowed = range(1, self.dims[-1] + 1) if self.sliceable else self.dims
        if isinstance(truncate_dim, bool) or truncate_dim not in allowed:
            said = f"from 1 to {self.dims[-1]}" if self.sliceable else f"one of {self.dims}"
            raise InputError(f"truncate_dim must be {said}, not {truncate_dim}.")
        return int(truncate_dim)

    def _block(
        self, rows: NDArray[Any], first: int, truncate_dim: int | None
    ) -> NDArray[np.float32]:
        values = np.asarray(rows, dtype=np.float32)
        if not np.isfinite(values).all():
            row = first + int(np.flatnonzero(~np.isfinite(values).all(axis=1))[0])
            raise InputError(f"Z holds NaN or infinity in row {row}: remove or fill it.")
        if self.method == "identity" and truncate_dim is None:
            return values[:, : self.dims[-1]]
        x = unit(values)
        params = self.params if self.sliceable else self.params | {PREFIX: truncate_dim}
        out = METHODS[self.method].apply(x, self.arrays, params)[:, :truncate_dim]
        return np.where(x.any(axis=1, keepdims=True), unit(out), np.float32(0))


def load_adapter(path: str | Path) -> Adapter:
    """Read the folder ``path`` that `Adapter.save` wrote; nothing is unpickled.

    Raises
    ------
    InputError
        If the folder is missing, damaged, or holds something else.
    """
    with opened(path, KIND, "no adapter") as found:
        fields = dict(found.params)
        adapter = Adapter(
            method=fields["method"],
            dims=tuple(fields["dims"]),
            levels=tuple(fields["levels"]),
            n_dimensions=int(fields["n_dimensions"]),
            params=fields["params"],
            arrays=found.arrays,
        )
        if len(adapter.dims) != len(adapter.levels):
            raise ValueError(f"{len(adapter.dims)} prefixes, but {len(adapter.levels)} levels")
        if not all(np.isfinite(array).all() for array in found.arrays.values()):
            raise ValueError("its arrays are not finite")
        adapter.transform(np.ones((1, adapter.n_dimensions)))
        repr(adapter)  # reads its settings
        return adapter
