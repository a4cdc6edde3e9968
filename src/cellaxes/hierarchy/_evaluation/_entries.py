"""The embeddings that are compared: arrays, and adapters fitted anew for each split."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cellaxes._core.errors import InputError
from cellaxes.hierarchy._adapters import Adapter as FittedAdapter
from cellaxes.hierarchy._evaluation._splits import Split
from cellaxes.hierarchy._neighbours._search import checked_dims
from cellaxes.hierarchy._neighbours._vectors import Matrix, embedding, norms


class Adapter(Protocol):
    """What turns an embedding into one whose prefixes are of use."""

    @property
    def dims(self) -> Sequence[int]:
        """Lengths of its prefixes, rising."""
        ...

    def transform(self, Z: NDArray[Any]) -> NDArray[Any]:
        """Return the adapted embedding, ``(n_cells, dims[-1])``."""
        ...


Entry = Matrix | Callable[[NDArray[np.bool_]], Adapter]
"""An embedding ``(n_cells, d)``, or a function from the training mask to a fitted adapter."""


@dataclass(frozen=True, eq=False)
class Entries:
    """Embeddings by name, all of the same cells.

    Attributes
    ----------
    arrays
        Those that are there.
    fitted
        Those that are fitted for each split.
    names
        All, in the order they came.
    z
        What adapters transform, and whose truncation is the null.
    dims
        Prefixes of the arrays; None: the full vector.
    """

    arrays: dict[str, Matrix]
    fitted: dict[str, Callable[[NDArray[np.bool_]], Adapter]]
    names: tuple[str, ...]
    z: Matrix
    dims: tuple[int, ...] | None

    def of(self, name: str, split: Split) -> dict[int, Matrix]:
        """Return an embedding of all cells and its prefixes, the shortest first, by their length.

        Adapters learn from the training cells alone.
        """
        if name in self.arrays:
            z = self.arrays[name]
            width = z.shape[1]
            short = tuple(m for m in checked_dims(self.dims, width) if m < width)
            return {m: z[:, :m] for m in (*short, width)}
        adapter = self.fitted[name](split.train.copy())
        z = embedding(adapter.transform(self.z), f"what {name!r} returns")
        if len(z) != len(self.z):
            raise InputError(f"{name!r} returns {len(z)} rows for {len(self.z)} cells.")
        norms(z, f"what {name!r} returns")
        found = {m: z[:, :m] for m in checked_dims(tuple(int(m) for m in adapter.dims), z.shape[1])}
        if isinstance(adapter, FittedAdapter) and not adapter.sliceable:
            found |= {m: adapter.transform(self.z, m) for m in found if m < z.shape[1]}
        return found

    def truncated(self, split: Split, dims: tuple[int, ...]) -> dict[int, Matrix]:
        """Return prefixes of principal components learnt from the training cells, by length.

        The first prefix is that of ``dims``, or a quarter where there is but the full vector.
        """
        from sklearn.decomposition import PCA

        width = min(dims[-1], self.z.shape[1], int(split.train.sum()))
        short = dims[0] if len(dims) > 1 and dims[0] < width else max(1, width // 4)
        z = PCA(width, svd_solver="covariance_eigh").fit(self.z[split.train]).transform(self.z)
        return {m: z[:, :m] for m in ((short, width) if short < width else (width,))}


def read_entries(
    embeddings: Mapping[str, Any], Z: Any, dims: Sequence[int] | None, n_cells: int
) -> Entries:
    """Return the embeddings that are compared.

    Raises
    ------
    InputError
        If there is none, one is of other cells, or an adapter has nothing to transform.
    """
    if not isinstance(embeddings, Mapping) or not embeddings:
        raise InputError("embeddings must be a dictionary from a name to an array or an adapter.")
    fitted = {str(name): entry for name, entry in embeddings.items() if callable(entry)}
    arrays = {
        str(name): embedding(entry, f"the embedding {name!r}")
        for name, entry in embeddings.items()
        if not callable(entry)
    }
    given = None if Z is None else embedding(Z, "Z")
    z = given if given is not None else next(iter(arrays.values()), None)
    if z is None:
        raise InputError("adapters need an embedding to transform: pass Z=, or an array beside.")
    for name, array in {**arrays, "Z": z}.items():
        if len(array) != n_cells:
            raise InputError(f"{name!r} has {len(array)} rows for {n_cells} cells with levels.")
        norms(array, f"the embedding {name!r}")
    names = tuple(str(name) for name in embeddings)
    return Entries(arrays, fitted, names, z, None if dims is None else tuple(dims))
