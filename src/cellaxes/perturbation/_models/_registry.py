"""Every model: what it is called, where it comes from, where it fails."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd

from cellaxes._core.artefact import Artefact, opened
from cellaxes._core.errors import InputError, near
from cellaxes._core.registry import Info, Registry
from cellaxes.perturbation._models._protocol import Fitted, Predictor

KIND = "perturbation."


@dataclass(frozen=True)
class Model:
    """The two halves of a model.

    Attributes
    ----------
    settings
        Class that is fitted.
    fitted
        Class of what fitting gives.
    """

    settings: type[Predictor]
    fitted: type[Fitted]


MODELS: Registry[Model] = Registry("perturbation model")


def show_models() -> pd.DataFrame:
    """Return one row per model: name, description, units, reference, limits."""
    return MODELS.show()


def make_model(name: str, **settings: Any) -> Predictor:
    """Return the model called ``name``, with its defaults where ``settings`` ask for nothing else.

    Raises
    ------
    InputError
        If there is no such model, or it has no such setting.
    """
    made = MODELS[name].settings
    known = [field.name for field in fields(made)]  # type: ignore[arg-type]
    for setting in settings:
        if setting not in known:
            raise InputError(f"{name} has no setting {setting!r}: {near(setting, known)}")
    return made(**settings)


def save_model(fitted: Fitted, path: str | Path) -> None:
    """Write the model ``fitted`` to a new folder ``path``: JSON and safetensors."""
    params, arrays = fitted.to_arrays()
    Artefact(KIND + name_of(fitted), params, arrays).save(path)


def name_of(fitted: Fitted) -> str:
    """Return what the model is called here."""
    name = next((name for name in MODELS if _is(fitted, MODELS[name])), None)
    if name is None:
        raise InputError(f"{type(fitted).__name__} is no model of this package.")
    return name


def _is(fitted: Fitted, model: Model) -> bool:
    """Whether it is this model: models may share the class that is fitted, not its settings."""
    settings = getattr(fitted, "settings", None)
    same = settings is None or type(settings) is model.settings
    return type(fitted) is model.fitted and same


def load_model(path: str | Path) -> Fitted:
    """Read the folder ``path`` that `save_model` wrote; nothing is unpickled.

    Raises
    ------
    InputError
        If the folder is missing, damaged, or holds something else.
    """
    with opened(path, KIND, "not a model of perturbations") as found:
        made = MODELS[found.kind.removeprefix(KIND)].fitted
        return made.from_arrays(found.params, found.arrays)


def add(name: str, model: Model, description: str, *, reference: str = "", limits: str) -> None:
    """Register a model."""
    MODELS.add(
        Info(name, description, "of the responses it was fitted to", reference, limits), model
    )
