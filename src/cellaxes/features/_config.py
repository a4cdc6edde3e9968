"""Settings of a sparse autoencoder, and the presets."""

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from cellaxes._core.errors import InputError, near

ARCHS = {
    "l1": "ReLU with an L1 penalty (Bricken et al. 2023)",
    "gated": "gate and magnitude apart (Rajamanoharan et al. 2404.16014)",
    "topk": "the k largest of each cell (Gao et al. 2406.04093)",
    "batchtopk": "the B k largest of a batch of B cells, one threshold later (2412.06410)",
    "matryoshka": "BatchTopK whose first features must do alone as well (2503.17547)",
    "jumprelu": "a threshold per feature, learned (2407.14435)",
}
TARGETS = ("embedding", "expression")
PRESETS: dict[str, dict[str, Any]] = {
    "sparsesc": {
        "arch": "l1",
        "penalty": 1e-3,
        "auxiliary": 0.0,
        "learning_rate": 1e-3,
        "batch_size": 128,
        "warmup": 0.0,
        "decay": 0.0,
        "sorted_features": False,
    }
}
"""Settings by name; ``"sparsesc"`` also makes 16 features per dimension."""


@dataclass(frozen=True)
class Config:
    """Settings of a sparse autoencoder.

    Attributes
    ----------
    arch
        One of `ARCHS`.
    n_features
        Width m before silent features are dropped.
    k
        Mean number of active features per cell; for ``topk`` the number in every cell.
    target
        ``"embedding"``: features rebuild the embedding. ``"expression"``: they rebuild the
        leading principal components of log-normalised expression (gene transcoder).
    groups
        Shares of the features in each nested group, for ``matryoshka``; by default each group
        doubles what came before.
    penalty
        Weight of the L1 term for ``l1`` and ``gated``; None: adapted until k features are active.
    steps, batch_size, learning_rate
        Of Adam.
    warmup, decay
        Shares of the steps over which the rate rises at first, and falls at last.
    auxiliary
        Weight of the loss that revives silent features.
    bandwidth
        Width of the kernel through which thresholds of ``jumprelu`` learn.
    per_dimension
        Scale each dimension by itself, not all by one number: only where one dimension dwarfs
        the others.
    sorted_features
        Whether features are put in order of importance inside their group.
    """

    arch: str = "batchtopk"
    n_features: int = 128
    k: float = 8
    target: str = "embedding"
    groups: tuple[float, ...] = (1 / 32, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2)
    penalty: float | None = None
    steps: int = 2000
    batch_size: int = 512
    learning_rate: float = 2e-3
    warmup: float = 0.05
    decay: float = 0.3
    auxiliary: float = 1 / 32
    bandwidth: float = 0.05
    per_dimension: bool = False
    sorted_features: bool = True

    def __post_init__(self) -> None:
        if self.arch not in ARCHS:
            raise InputError(f"there is no arch {self.arch!r}: {near(self.arch, ARCHS)}")
        if self.target not in TARGETS:
            raise InputError(f"target must be embedding or expression, but is {self.target!r}.")
        if self.target == "expression" and self.arch not in ("topk", "batchtopk", "matryoshka"):
            raise InputError(
                f"a gene transcoder has arch topk, batchtopk or matryoshka, not {self.arch!r}."
            )
        for name in ("n_features", "steps", "batch_size"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise InputError(f"{name} must be a positive whole number, but is {value!r}.")
        if isinstance(self.k, bool) or not isinstance(self.k, int | float | np.number):
            raise InputError(f"k must be a number, but is {self.k!r}.")
        if not self.k > 0 or (self.arch == "topk" and self.k != int(self.k)):
            raise InputError(f"k must be positive (whole for topk), but is {self.k!r}.")
        if self.k > self.n_features:
            raise InputError(f"k ({self.k:g}) exceeds the number of features ({self.n_features}).")
        if abs(sum(self.groups) - 1) > 1e-6 or min(self.groups) <= 0:
            raise InputError(
                f"groups must be positive shares that add to 1, but are {self.groups}."
            )
        for name in ("learning_rate", "bandwidth"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name} must be positive, but is {getattr(self, name)!r}.")
        for name in ("penalty", "auxiliary"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise InputError(f"{name} must not be negative, but is {value!r}.")
        if not (self.warmup >= 0 and self.decay >= 0 and self.warmup + self.decay <= 1):
            raise InputError("warmup and decay are shares of the steps, together at most 1.")

    @property
    def ends(self) -> tuple[int, ...]:
        """Where each nested group ends; one group but for ``matryoshka``."""
        if self.arch != "matryoshka":
            return (self.n_features,)
        total, ends = 0.0, []
        for share in self.groups:
            total += share
            ends.append(max(1, round(total * self.n_features)))
        return (*ends[:-1], self.n_features)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings in JSON's own types."""
        return asdict(self) | {"groups": list(self.groups)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Config":
        """Return the settings whose ``values`` by name `to_dict` wrote."""
        return cls(**(values | {"groups": tuple(values["groups"])}))

    def but(self, **changes: Any) -> "Config":
        """Return these settings with ``changes``, new values by name."""
        return replace(self, **changes)
