"""What a study is, and what one run of it is: frozen, canonical, hashed."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from cellaxes._core.errors import InputError
from cellaxes._core.files import identity

GIVEN = "precomputed"
"""Name of the model whose embedding was computed elsewhere, at full depth."""

PROTOCOL = 1
"""Version of how a run is carried out; a change that alters numbers raises it."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelSpec(_Frozen):
    """A model by name with its settings, written ``name`` or ``name:key=value,…``."""

    name: str
    params: dict[str, Any] = {}

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``pca``, ``pca:n_components=32`` or ``precomputed:X_scVI``.

        Raises
        ------
        InputError
            If a setting is not written ``key=value``.

        Examples
        --------
        >>> ModelSpec.parse("pca:n_components=32").params
        {'n_components': 32}
        """
        name, _, settings = text.partition(":")
        if name == GIVEN and "=" not in settings:
            return cls(name=name, params={"use_rep": settings})
        params: dict[str, Any] = {}
        for setting in filter(None, settings.split(",")):
            key, separator, value = setting.partition("=")
            if not separator:
                raise InputError(f"{text!r}: write settings as name:key=value,key=value.")
            params[key] = _value(value)
        return cls(name=name, params=params)

    def __str__(self) -> str:
        if self.name == GIVEN:
            return f"{self.name}:{self.params.get('use_rep', '')}"
        settings = ",".join(f"{key}={value}" for key, value in sorted(self.params.items()))
        return f"{self.name}:{settings}" if settings else self.name


def _value(text: str) -> Any:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


class RunSpec(_Frozen):
    """One run: one embedding of one thinning of one split, asked about one signal.

    Attributes
    ----------
    data
        SHA-256 of the data file.
    layer
        Where the counts are.
    chain
        Capture fractions from the deepest level down to this one; the chain is part of the
        draw, because each level is thinned from the one before.
    seed
        Of the split, the thinning, the model and the estimator.
    n_train, n_test
        Cells.
    """

    data: str
    layer: str | None
    signal: str
    model: ModelSpec
    chain: tuple[float, ...]
    seed: int
    n_train: int
    n_test: int
    estimator: str
    n_permutations: int
    protocol: int = PROTOCOL

    @property
    def id(self) -> str:
        """SHA-256 of the canonical JSON of the run."""
        return identity(self.model_dump(mode="json"))

    @property
    def embedding(self) -> tuple[Any, ...]:
        """What the embedding depends on: runs that share it are computed together."""
        return (self.seed, self.chain, self.n_train, self.n_test, str(self.model))


class StudySpec(_Frozen):
    """A grid of runs.

    Attributes
    ----------
    path, data
        The ``.h5ad`` file and its SHA-256.
    layer
        Where the counts are (``None``: ``X``; ``"raw"``: ``raw.X``).
    signals
        As `cellaxes.signal.parse` reads them.
    models
        Representation models. A precomputed one is measured at the full depth only.
    fractions
        Capture fractions, decreasing.
    sizes
        Numbers of training cells; smaller sets are part of larger ones.
    n_test
        Test cells, never training cells.
    seeds
        One replicate each: split, thinning and subsampling are drawn anew.
    estimator, n_permutations
        For `cellaxes.information.estimate`.
    """

    path: str
    data: str
    layer: str | None
    signals: tuple[str, ...]
    models: tuple[ModelSpec, ...]
    fractions: tuple[float, ...]
    sizes: tuple[int, ...]
    n_test: int
    seeds: tuple[int, ...]
    estimator: str = "auto"
    n_permutations: int = 5

    def runs(self) -> list[RunSpec]:
        """Return every run of the grid, in a fixed order."""
        return [
            RunSpec(
                data=self.data,
                layer=self.layer,
                signal=signal,
                model=model,
                chain=self.fractions[: level + 1] if model.name != GIVEN else (1.0,),
                seed=seed,
                n_train=size,
                n_test=self.n_test,
                estimator=self.estimator,
                n_permutations=self.n_permutations,
            )
            for signal in self.signals
            for model in self.models
            for size in (self.sizes if model.name != GIVEN else self.sizes[-1:])
            for level in range(len(self.fractions) if model.name != GIVEN else 1)
            for seed in self.seeds
        ]

    @classmethod
    def read(cls, text: str, where: str) -> Self:
        """Read the JSON of a study, naming what is wrong with it."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"]) or "the file"
            raise InputError(f"{where} is no study ({place}: {first['msg']}).") from error
