"""What all pages are rendered with."""

import json
import math
from collections.abc import Iterable
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from cellaxes._core.provenance import versions
from cellaxes.report._words import bits, number, percent, percent_range, range_of, whole


def page(template: str, **values: Any) -> str:
    """Render a template of this room; a name it does not know is an error, not a blank."""
    environment = Environment(
        loader=PackageLoader("cellaxes.report"), autoescape=True, undefined=StrictUndefined
    )
    words = {"bits": bits, "number": number, "percent": percent, "whole": whole}
    environment.filters |= words | {"percent_range": percent_range, "range_of": range_of}
    environment.globals |= {"infinity": math.inf}
    return environment.get_template(template).render(versions=versions(), **values)


def parts(*names: str) -> str:
    """Return template files as they are, one after the other: scripts and styles of a page."""
    folder = files("cellaxes.report") / "templates"
    return "\n".join((folder / name).read_text(encoding="utf-8") for name in names)


def embedded(value: Any) -> str:
    """Return JSON that can stand inside a script element, whatever the labels say."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def short(values: Iterable[float], digits: int = 5) -> list[float | int | None]:
    """Return numbers with few digits; what JSON lacks (an open end, no R²) becomes null."""
    found: list[float | int | None] = []
    for value in values:
        rounded = float(f"{value:.{digits}g}")
        if not math.isfinite(rounded):
            found.append(None)
        else:
            whole = rounded.is_integer() and abs(rounded) < 1e15
            found.append(int(rounded) if whole else rounded)
    return found
