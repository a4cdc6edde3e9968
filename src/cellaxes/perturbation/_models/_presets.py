"""What the teams of the Open Problems competition of 2023 trained, as settings of mended models."""

from dataclasses import dataclass

from cellaxes._core.errors import InputError, near
from cellaxes.perturbation._features._encoding import Encoding
from cellaxes.perturbation._models._settings import EmbeddingMLP, Head, TargetEncodingNet
from cellaxes.perturbation._models._train import Training

Row = tuple[str, int, int, float, int, str, str, int, float]

STAGE_1: tuple[Row, ...] = (
    ("1", 114, 128, 0.00846, 22, "256-1024", ".2 .2", 50, 0.1522),
    ("2", 136, 64, 0.00779, 10, "384-1280", ".464 .101", 60, 0.7152),
    ("3", 157, 64, 0.00431, 62, "560-480-248-224", ".436 .344 .011 .231", 119, 0.7548),
    ("5", 122, 32, 0.00443, 32, "256-1024", ".406 .178", 71, 0.0579),
    ("6", 112, 128, 0.00977, 60, "436-416", ".402 .257", 126, 0.9602),
    ("7", 141, 128, 0.00553, 48, "712-400-232-216", ".490 .032 .111 .020", 100, 0.4968),
    ("8", 143, 192, 0.00972, 48, "312-344-248", ".110 .101 .098", 100, 0.9882),
)
"""Name, epochs, batch, rate, ids, widths, dropout, components, weight in the ensemble."""

STAGE_2: tuple[Row, ...] = (
    ("1a", 200, 128, 0.00846, 22, "256-1024", ".2 .2", 50, 0.0395),
    ("2a", 200, 64, 0.00779, 10, "384-1280", ".464 .101", 60, 0.2278),
    ("2b", 200, 192, 0.00830, 32, "284-1424", ".279 .042", 96, 0.6470),
    ("2c", 200, 64, 0.00666, 22, "232-1184", ".462 .244", 61, 0.1500),
    ("3a", 200, 64, 0.00431, 62, "560-480-248-224", ".436 .344 .011 .231", 119, 0.2418),
    ("3b", 200, 64, 0.00792, 22, "504-136-232-512", ".007 .078 .348 .401", 55, 0.0182),
    ("4a", 200, 64, 0.00595, 46, "872-264-256", ".175 .359 .121", 213, 0.0671),
    ("4b", 200, 128, 0.00644, 62, "552-480-216", ".323 .151 .035", 104, 0.4548),
    ("5a", 200, 32, 0.00543, 56, "256-1024", ".029 .358", 108, 0.8954),
    ("5b", 200, 192, 0.00529, 60, "256-1024", ".298 .324", 78, 0.2342),
    ("5c", 200, 32, 0.00443, 32, "256-1024", ".406 .178", 71, 0.3781),
    ("6a", 200, 128, 0.00305, 62, "396-912", ".264 .174", 144, 0.3429),
    ("6b", 200, 128, 0.00977, 60, "436-416", ".402 .257", 126, 0.5803),
    ("6c", 200, 160, 0.00574, 56, "504-928", ".265 .243", 134, 0.8158),
    ("7a", 200, 128, 0.00263, 62, "824-184-208-472", ".044 .051 .059 .088", 167, 0.4865),
    ("7b", 200, 128, 0.00553, 48, "712-400-232-216", ".490 .032 .111 .020", 100, 0.0171),
    ("8a", 200, 192, 0.00972, 48, "312-344-248", ".110 .101 .098", 100, 0.2662),
    ("8b", 200, 192, 0.00808, 16, "1016-392-176", ".214 .405 .105", 72, 0.2073),
    ("8c", 200, 160, 0.00543, 36, "760-416-240", ".165 .014 .058", 128, 0.4740),
    ("8d", 200, 224, 0.00775, 38, "856-352-112", ".059 .109 .062", 246, 0.6759),
)
REPEATS = 10
BY_MAE = "1234"
"""First digits of those trained on absolute error; the others on MRRMSE."""
NORM_FIRST = "6"

KOUAGOU = {
    "kouagou-light": (("mean",), 1.0),
    "kouagou-initial": (("mean", "sd"), 5.0),
    "kouagou-heavy": (("mean", "q25", "q50", "q75"), 1.0),
}
"""Statistics that are told, and the largest norm of the slopes."""
HEADS: dict[Head, tuple[float, float]] = {
    "lstm": (1e-3, 0.29),
    "conv1d": (1e-3, 0.33),
    "gru": (3e-4, 0.38),
}
"""Rate of learning, and weight in the ensemble."""


@dataclass(frozen=True)
class Preset:
    """One model of an ensemble.

    Attributes
    ----------
    name
        In the ensemble.
    weight
        That its authors gave it. It was found on their leaderboard: fit your own out of fold.
    settings
        What is fitted.
    """

    name: str
    weight: float
    settings: EmbeddingMLP | TargetEncodingNet


def presets(name: str) -> tuple[Preset, ...]:
    """Return the models of an ensemble: ``okon-stage1`` (7), ``okon-stage2`` (20; trained with
    pseudo-labels), ``kouagou-light``, ``kouagou-initial`` and ``kouagou-heavy`` (3 each).

    The third place's sixth kind drops by each of its two shares, not twice by the second; the
    winner's statistics leave out the row they are told to, quantiles are of contexts and
    compounds, and tokens are of components, so there is nothing to reshape or to pad.

    ``name`` is one of the five; another is an InputError.

    Examples
    --------
    >>> [(each.name, each.settings.n_dim) for each in presets("okon-stage1")][:3]
    [('1', 50), ('2', 60), ('3', 119)]
    """  # noqa: D205
    tables = {"okon-stage1": STAGE_1, "okon-stage2": STAGE_2}
    if name in tables:
        return tuple(_okon(row) for row in tables[name])
    if name not in KOUAGOU:
        raise InputError(f"there is no preset {name!r}: {near(name, [*tables, *KOUAGOU])}")
    told, clip = KOUAGOU[name]
    return tuple(_kouagou(head, told, clip) for head in HEADS)


def _okon(row: Row) -> Preset:
    name, epochs, batch, rate, emb, widths, dropout, n_dim, weight = row
    settings = EmbeddingMLP(
        emb=emb,
        dense=tuple(int(width) for width in widths.split("-")),
        dropout=tuple(float(share) for share in dropout.split()),
        norm_first=name[0] in NORM_FIRST,
        n_dim=n_dim,
        training=Training(
            epochs=epochs,
            batch=batch,
            learning_rate=rate,
            schedule="constant",
            loss="mae" if name[0] in BY_MAE else "mrrmse",
            n_seeds=REPEATS,
        ),
    )
    return Preset(name, weight, settings)


def _kouagou(head: Head, told: tuple[str, ...], clip: float) -> Preset:
    rate, weight = HEADS[head]
    settings = TargetEncodingNet(
        head=head,
        hidden=128,
        dense=(1024, 512),
        encoding=Encoding(told),
        training=Training(
            epochs=250,
            batch=16,
            learning_rate=rate,
            schedule="constant",
            loss="mixture",
            clip=clip,
            zeroing=0.3,
            n_seeds=5,
        ),
    )
    return Preset(head, weight, settings)
