"""What a study is, and what one run of it is: frozen, canonical, hashed."""

from typing import Any, Literal, Self, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
)

from cellaxes._core.errors import InputError
from cellaxes._core.files import identity
from cellaxes._core.reading import reading
from cellaxes.noise import THINNING, noise_kind

GIVEN = "precomputed"
"""Name of the model whose embedding was computed elsewhere."""

PROTOCOL = 1
"""Version of how a run is carried out; a change that alters numbers raises it."""

Thin = Literal["both", "train", "query"]
"""Which cells lose molecules: training and test cells alike, the training cells alone, or the
queries (test cells) alone; the others stay at the deepest level."""

THIN: tuple[Thin, ...] = get_args(Thin)

LATER = {"thin", "noise"}
"""Fields that the first version of the store did not know."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_serializer(mode="wrap")
    def _as_first_written(self, fields: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave later fields out at their default: studies made before keep their identity."""
        written: dict[str, Any] = fields(self)
        for name in LATER & written.keys():
            if getattr(self, name) == type(self).model_fields[name].default:
                del written[name]
        return written


class ModelSpec(_Frozen):
    """A model by ``name`` with its ``params``, written ``name`` or ``name:key=value,…``."""

    name: str
    params: dict[str, Any] = {}

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a ``text`` such as ``pca``, ``pca:n_components=32`` or ``precomputed:X_scVI``.

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

    @property
    def fixed(self) -> bool:
        """Whether its embedding stands in the data file, at the full depth only."""
        return self.name == GIVEN and "folder" not in self.params

    def __str__(self) -> str:
        if self.name == GIVEN:
            folder = self.params.get("folder")
            return f"{self.name}:" + (f"folder={folder}" if folder else self.params["use_rep"])
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
        Strengths of the noise from the deepest level down to this one, capture fractions of
        counts. Their whole chain is part of the draw, because each level is thinned from the
        one before; other kinds of noise name the deepest level and this one.
    seed
        Of the split, the noise, the model and the estimator.
    n_train, n_test
        Cells.
    thin
        Which cells are at the last level of the chain; the others are at its first.
    noise
        Kind of noise (`cellaxes.noise.show`).
    signal, model
        What is asked, and of what embedding.
    estimator, n_permutations
        Of the information, and of its null.
    protocol
        Version of the way a run is done: runs of another are not taken for this one.
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
    thin: Thin = "both"
    noise: str = THINNING

    @property
    def id(self) -> str:
        """SHA-256 of the canonical JSON of the run."""
        return identity(self.model_dump(mode="json"))

    @property
    def train_chain(self) -> tuple[float, ...]:
        """Levels down to that of the training cells."""
        return self.chain[:1] if self.thin == "query" else self.chain

    @property
    def test_chain(self) -> tuple[float, ...]:
        """Levels down to that of the test cells."""
        return self.chain[:1] if self.thin == "train" else self.chain

    @property
    def fit(self) -> tuple[Any, ...]:
        """What the fitted model depends on: runs that share it are carried out together."""
        return (self.seed, self.train_chain, self.n_train, self.n_test, str(self.model))

    @property
    def embedding(self) -> tuple[Any, ...]:
        """What the embedding depends on: runs that share it are asked about it in turn."""
        return (*self.fit, self.test_chain)


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
        Representation models. A precomputed one is measured at the full depth only, or where
        a folder holds embeddings of thinned counts (`write_thinned`), at its depths.
    fractions
        Levels of the noise, weakest first: capture fractions, or strengths of another kind.
    sizes
        Numbers of training cells; smaller sets are part of larger ones.
    n_test
        Test cells, never training cells.
    seeds
        One replicate each: split, thinning and subsampling are drawn anew.
    estimator, n_permutations
        For `cellaxes.information.estimate`.
    thin
        Which cells are thinned, each choice a curve of its own. The deepest level is the same
        run for all of them and carried out once, as ``"both"``.
    noise
        Kind of noise (`cellaxes.noise.show`).
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
    thin: tuple[Thin, ...] = ("both",)
    noise: str = THINNING

    def runs(self) -> list[RunSpec]:
        """Return every run of the grid, in a fixed order."""
        chains = noise_kind(self.noise).chains(self.fractions)
        deepest: list[tuple[Thin, int]] = [("both", 1)]
        thinned = [(way, n) for way in self.thin for n in range(2, len(self.fractions) + 1)]
        return [
            RunSpec(
                data=self.data,
                layer=self.layer,
                signal=signal,
                model=model,
                chain=(1.0,) if model.fixed else chains[n_levels - 1],
                seed=seed,
                n_train=size,
                n_test=self.n_test,
                estimator=self.estimator,
                n_permutations=self.n_permutations,
                thin=way,
                noise=self.noise,
            )
            for signal in self.signals
            for model in self.models
            for size in (self.sizes if model.name != GIVEN else self.sizes[-1:])
            for way, n_levels in (deepest if model.fixed else deepest + thinned)
            if model.name != GIVEN or way != "train"  # what is given was not trained here
            for seed in self.seeds
        ]

    @classmethod
    def read(cls, text: str, where: str) -> Self:
        """Read ``text``, the JSON of a study that stands ``where`` the message says.

        Raises
        ------
        InputError
            If it is no study, naming what is wrong with it.
        """
        try:
            spec = cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"]) or "the file"
            raise InputError(f"{where} is no study ({place}: {first['msg']}).") from error
        with reading(where, "a study", "write the study anew"):
            if not spec.runs():
                raise ValueError("it names no run")
        return spec
