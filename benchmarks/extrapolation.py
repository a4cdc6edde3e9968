"""Information at withheld depths or cell numbers: the prediction, the law and a straight line.

    python benchmarks/extrapolation.py SHARED_DATA_FOLDER

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


def compare(curves: list[pd.DataFrame], axis: str, along: str) -> None:
    """Withhold the last levels of every curve and print who was right."""
    print(f"{len(curves)} curves along {along}")
    for withheld in range(1, 6):
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
        medians = ", ".join(f"{name} {np.median(error):.3f}" for name, error in errors.items())
        print(
            f"{withheld} withheld ({levels[-1] / levels[-1 - withheld]:.1f} times further): "
            f"{medians}; interval holds {np.mean(inside):.0%}, width {np.median(widths):.2f}",
            flush=True,
        )


def main(shared: Path) -> None:
    """Compare on all curves."""
    table = pd.read_csv(shared / "noise_scaling" / "mi_results.csv")
    table = table[table["algorithm"].isin(["PCA", "SCVI", "Geneformer"])]
    name = ["dataset", "signal", "algorithm"]
    large = table[table["size"] >= 1000]
    compare([curve for _, curve in large.groupby([*name, "size"])], "umis_per_cell", "depth")
    compare([curve for _, curve in table.groupby([*name, "umis_per_cell"])], "size", "cells")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
