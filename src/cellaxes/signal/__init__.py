"""What an embedding should know about a cell."""

from cellaxes.signal._label import label
from cellaxes.signal._measurement import measurement
from cellaxes.signal._signal import Signal
from cellaxes.signal._spec import parse

__all__ = ["Signal", "label", "measurement", "parse"]
