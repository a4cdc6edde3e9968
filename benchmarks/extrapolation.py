"""Information at withheld depths or cell numbers: the prediction, the law and a straight line.

    python benchmarks/extrapolation.py SHARED_DATA_FOLDER [--quick]

Curves of the published table with at least 1,000 training cells (PCA, scVI, Geneformer), then
curves along training cells at each depth: the last 1 to 5 levels are withheld, and the last is
predicted from the rest. Prints the median absolute error of each, in bits, and how often the
90 % interval holds the truth.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

import cellaxes as cx
from records import quick, record


def compare(curves: list[pd.DataFrame], axis: str, along: str, small: bool) -> None:
    """Withhold the last levels of every curve and print who was right."""
    curves = curves[::3] if small else curves
    note = f"{len(curves)} curves{', every third' if small else ''}"
    for withheld in (1, 3, 5) if small else range(1, 6):
        errors: dict[str, list[float]] = {"prediction": [], "law": [], "line": []}
        inside, widths = [], []
        for curve in curves:
            levels = np.sort(curve[axis].unique())
            known = curve[curve[axis] <= levels[-1 - withheld]]
            truth = curve.loc[curve[axis] == levels[-1], "mi_value"].mean()
            found = cx.scaling.predict(known[axis], known["mi_value"], at=levels[-1], along=along)
            means = known.groupby(axis)["mi_value"].mean()
            (u0, u1), (y0, y1) = np.log(means.index[-2:]), means.to_numpy()[-2:]
            line = y1 + (y1 - y0) / (u1 - u0) * (np.log(levels[-1]) - u1)
            said = {"prediction": found.mean[0], "law": found.members["law"][0], "line": line}
            for name, value in said.items():
                errors[name].append(abs(value - truth))
            inside.append(found.low[0] <= truth <= found.high[0])
            widths.append(found.high[0] - found.low[0])
        print(f"{levels[-1] / levels[-1 - withheld]:.1f} times further; median width of the 90 % "
              f"interval {np.median(widths):.2f}")  # fmt: skip
        medians = {name: float(np.median(error)) for name, error in errors.items()}
        for peer, told in (("law", "the published law"), ("line", "a line through the last two")):
            record(f"{along}, {withheld} levels withheld, median |error|", medians["prediction"],
                   medians[peer], told, unit="bits", note=note)  # fmt: skip
        record(f"{along}, {withheld} levels withheld, 90 % intervals hold", np.mean(inside), 0.85,
               "asked", better="reach", note=note)  # fmt: skip


def main(shared: Path, small: bool) -> None:
    """Compare on all curves."""
    table = pd.read_csv(shared / "noise_scaling" / "mi_results.csv")
    table = table[table["algorithm"].isin(["PCA", "SCVI", "Geneformer"])]
    name = ["dataset", "signal", "algorithm"]
    large = table[table["size"] >= 1000]
    compare([curve for _, curve in large.groupby([*name, "size"])], "umis_per_cell", "depth",
            small)  # fmt: skip
    compare([curve for _, curve in table.groupby([*name, "umis_per_cell"])], "size", "cells",
            small)  # fmt: skip


if __name__ == "__main__":
    asked = quick()
    main(Path(sys.argv[1]), asked)
