"""What all pages are rendered with."""

import math
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
