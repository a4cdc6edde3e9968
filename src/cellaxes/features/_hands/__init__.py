"""Hands on the wheel: steer features, remove batches, map new cells, match two models."""

from cellaxes.features._hands._batch import BatchRemoved, remove_batch
from cellaxes.features._hands._decoders import (
    CallableDecoder,
    Decoder,
    LinearDecoder,
)
from cellaxes.features._hands._edits import Edit, contrast
from cellaxes.features._hands._effects import effects
from cellaxes.features._hands._loss import count_loss
from cellaxes.features._hands._match import Match, match
from cellaxes.features._hands._query import QueryMap, map_query
from cellaxes.features._hands._scvi import SCVIDecoder
from cellaxes.features._hands._steer import Steered, steer

__all__ = [
    "BatchRemoved",
    "CallableDecoder",
    "Decoder",
    "Edit",
    "LinearDecoder",
    "Match",
    "QueryMap",
    "SCVIDecoder",
    "Steered",
    "contrast",
    "count_loss",
    "effects",
    "map_query",
    "match",
    "remove_batch",
    "steer",
]
