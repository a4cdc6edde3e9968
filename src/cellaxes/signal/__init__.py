"""What an embedding should know about a cell."""

from cellaxes.signal._clone import clone
from cellaxes.signal._label import label, one_vs_rest
from cellaxes.signal._level import level
from cellaxes.signal._measurement import measurement
from cellaxes.signal._signal import Relation, Signal
from cellaxes.signal._space import space
from cellaxes.signal._spec import expand, parse
from cellaxes.signal._time import time

__all__ = [
    "Relation",
    "Signal",
    "clone",
    "expand",
    "label",
    "level",
    "measurement",
    "one_vs_rest",
    "parse",
    "space",
    "time",
]
