"""What a representation model must be able to do, and the table of those there are."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes._core.artefact import Artefact, opened
from cellaxes._core.errors import InputError, near
from cellaxes._core.matrix import Counts
from cellaxes._core.modality import Images, Modality
from cellaxes._core.registry import Info, Registry


class Model(Protocol):
    """A representation of cells: `fit` on training cells, `transform` any cells.

    Cells are rows of counts, or images or sequences for a model that reads these. A model is
    a dataclass whose fields are its settings. ``fit`` sees training cells only and returns
    the model itself; ``transform`` returns ``(n_cells, d)`` float32.
    ``to_artefact`` and ``from_artefact`` carry it to disk without pickle.
    """

    def fit(self, counts: Counts, *, random_state: int = 0) -> Self:
        """Learn from the ``counts`` of training cells, ``(n_train, n_genes)``, UMIs.

        ``random_state`` is the seed of whatever is drawn.
        """
        ...

    def transform(self, counts: Counts) -> NDArray[np.float32]:
        """Return the embedding ``(n_cells, d)`` of ``counts`` ``(n_cells, n_genes)``."""
        ...

    def to_artefact(self) -> Artefact:
        """Return the fitted model as plain data."""
        ...

    @classmethod
    def from_artefact(cls, artefact: Artefact) -> Self:
        """Return the model that `to_artefact` wrote as ``artefact``."""
        ...


KIND = "embed."
_MODELS: Registry[Callable[..., Model]] = Registry("model")
_READS: dict[str, tuple[str, ...]] = {}
COUNTS, IMAGES, SEQUENCES = "counts", "images", "sequences"
"""What rows can be, and a model can read."""
M = TypeVar("M")


def register(
    name: str, *, description: str, reference: str, limits: str, reads: Sequence[str] = (COUNTS,)
) -> Callable[[type[M]], type[M]]:
    """Class decorator that adds a model to the registry under ``name``.

    Parameters
    ----------
    name
        How it is asked for: ``make(name)``, ``--model name``.
    description, reference, limits
        One sentence each, for `show`.
    reads
        What rows it takes: ``"counts"``, ``"images"``, ``"sequences"``.
    """

    def add(cls: type[M]) -> type[M]:
        info = Info(name, description, "embedding, float32, (n_cells, d)", reference, limits)
        _MODELS.add(info, cls)  # type: ignore[arg-type]
        _READS[name] = tuple(reads)
        return cls

    return add


def make(name: str, **params: Any) -> Model:
    """Return an unfitted model by name.

    Parameters
    ----------
    name
        As in `show`.
    **params
        Its settings. ``preset="paper"`` sets all those that ``presets`` of its class names;
        what is given beside it goes before.

    Raises
    ------
    InputError
        If there is no such model, or it has no such setting or preset.

    Examples
    --------
    >>> make("pca", n_components=8)
    PCA(n_components=8, n_top_genes=1000, target_sum=10000.0)
    """
    cls: Any = _MODELS[name]
    if "preset" in params:
        presets, preset = getattr(cls, "presets", {}), params.pop("preset")
        if preset not in presets:
            raise InputError(f"model {name!r} has no preset {preset!r}: {near(preset, presets)}")
        params = presets[preset] | params
    if dataclasses.is_dataclass(cls):
        settings = [field.name for field in dataclasses.fields(cls) if field.init]
        for wrong in sorted(set(params) - set(settings)):
            raise InputError(f"model {name!r} has no setting {wrong!r}: {near(wrong, settings)}")
    try:
        model: Model = cls(**params)
    except TypeError as error:
        raise InputError(f"model {name!r}: {error}") from error
    return model


def registered_name(model: Model) -> str:
    """Return the name under which the class of a model is registered, or the class's own."""
    return next(
        (name for name in _MODELS if _MODELS[name] is type(model)), type(model).__name__.lower()
    )


def load(path: str | Path) -> Model:
    """Load a fitted model saved by ``model.to_artefact().save(path)``.

    Raises
    ------
    InputError
        If the folder is missing, damaged, or holds something else.
    """
    with opened(path, KIND, "which is no representation model") as found:
        cls: Any = _MODELS[found.kind.removeprefix(KIND)]
        model: Model = cls.from_artefact(found)
        return model


def show() -> pd.DataFrame:
    """Return a table, a row per model: name, what it reads, description, reference, limits."""
    table = _MODELS.show()
    table.insert(1, "reads", [", ".join(_READS[name]) for name in table["name"]])
    return table


def require_reads(model: Model, modality: Modality | None) -> None:
    """Refuse a model for rows that it does not read.

    Raises
    ------
    InputError
        If the model is registered, and for other rows than these.
    """
    name = registered_name(model)
    images = IMAGES if isinstance(modality, Images) else SEQUENCES
    found = COUNTS if modality is None else images
    if name not in _READS or found in _READS[name]:
        return
    others = [other for other, reads in _READS.items() if reads == (found,)]
    raise InputError(
        f"the model {name} reads {' and '.join(_READS[name])}, but X holds {found}: use one of "
        f"{', '.join(others)}."
    )


def require_fitted(fitted: M | None, name: str) -> M:
    """Return what `fit` left, refusing to use a model before it."""
    if fitted is None:
        raise InputError(f"the {name} model is not fitted: call fit() on the training cells first.")
    return fitted


def require_genes(n_genes: int, expected: int, name: str) -> None:
    """Refuse cells with other genes than the model was fitted on."""
    if n_genes != expected:
        raise InputError(
            f"the {name} model was fitted on {expected} genes, these cells have {n_genes}: "
            "pass the same genes in the same order."
        )


def require_positive(value: object, name: str) -> None:
    """Refuse a setting that is no positive number."""
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not number or not 0 < float(value) < np.inf:  # type: ignore[arg-type]
        raise InputError(f"{name} must be a positive number, but is {value!r}.")


def require_size(value: object, name: str) -> None:
    """Refuse a setting that is no whole number of at least one."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1:
        raise InputError(f"{name} must be a whole number of at least 1, but is {value!r}.")
