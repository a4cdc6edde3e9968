"""The zoo's numbers as compact JSON, and its page."""

from typing import TYPE_CHECKING, Any

from cellaxes.pl import PALETTE
from cellaxes.report._page import embedded, page, parts, short
from cellaxes.report._zoo_columns import KNOWN
from cellaxes.report._zoo_types import N_BAND, ZooCurve, ZooGrid

if TYPE_CHECKING:
    from cellaxes.report._zoo import Zoo

SCRIPT = ("app.js", *(f"zoo/{part}.js" for part in ("model", "parts", "plots", "cost", "page")))
"""Files of the script, in the order in which they use one another."""
STYLE = ("app.css", "zoo/zoo.css")


def render(zoo: "Zoo") -> str:
    """Return the page of a zoo."""
    deepest = [u for curve in zoo.curves for u in curve.depth]
    return page(
        "zoo/zoo.html.j2",
        zoo=zoo,
        depths=(min(deepest), max(deepest)),
        n_identified=sum(curve.identified for curve in zoo.curves),
        n_failed=sum(curve.fit is None for curve in zoo.curves),
        absent=[role for role in KNOWN if role not in zoo.columns],
        data=embedded(payload(zoo)),
        script=parts(*SCRIPT),
        style=parts(*STYLE),
    )


def payload(zoo: "Zoo") -> dict[str, Any]:
    """Return what the page draws: labels by their place, numbers in five digits."""
    seeds = zoo.values.get("seed", ())
    return {
        "unit": zoo.unit,
        "colors": PALETTE,
        "nBand": N_BAND,
        "roles": [
            {"role": role, "column": str(zoo.columns[role]), "values": values}
            for role, values in zoo.values.items()
        ],
        "curves": [_curve(curve, zoo, seeds) for curve in zoo.curves],
        "grids": [_grid(grid, zoo) for grid in zoo.grids],
    }


def _places(key: dict[str, str], zoo: "Zoo") -> list[int]:
    return [zoo.values[role].index(label) for role, label in key.items()]


def _curve(curve: ZooCurve, zoo: "Zoo", seeds: tuple[str, ...]) -> dict[str, Any]:
    """Return one curve; a logarithmic axis has no place for a depth that is not positive."""
    drawn = [i for i, u in enumerate(curve.depth) if u > 0]
    fit = curve.fit
    return {
        "key": _places(curve.key, zoo),
        "u": short([curve.depth[i] for i in drawn]),
        "y": short([curve.information[i] for i in drawn]),
        "s": [seeds.index(curve.seed[i]) for i in drawn] if curve.seed else [],
        "n": len(curve.depth),
        "levels": fit.n_levels if fit else None,
        "law": short([fit.u_bar, fit.I_max], 12) if fit else None,
        "uBar": short([fit.u_bar_low, fit.u_bar_high]) if fit else None,
        "iMax": short([fit.I_max_low, fit.I_max_high]) if fit else None,
        "r2": short([fit.r_squared])[0] if fit else None,
        "sd": short([fit.residual_sd])[0] if fit else None,
        "band": [short(side) for side in curve.band],
        "ok": int(curve.identified),
        "why": curve.reason,
    }


def _grid(grid: ZooGrid, zoo: "Zoo") -> dict[str, Any]:
    fit = grid.fit
    law = fit.law if fit else None
    return {
        "key": _places(grid.key, zoo),
        "u": short(grid.depths),
        "n": short(grid.cells),
        "law": short([law.u_bar, law.n_bar, law.I_max, law.gamma, law.s, law.k], 12)
        if law
        else None,
        "r2": short([fit.r_squared])[0] if fit else None,
        "ok": int(grid.identified),
        "why": grid.reason,
    }
