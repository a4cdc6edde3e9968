"""Information at withheld depths: the prediction, the law and a straight line.

    python benchmarks/extrapolation.py SHARED_DATA_FOLDER

Curves of the published table with at least 1,000 training cells (PCA, scVI, Geneformer): the
deepest 1 to 5 levels are withheld, and the deepest is predicted from the rest. Prints the
median absolute error of each, in bits, and how often the 90 % interval holds the truth.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

import cellaxes as cx


def main(shared: Path) -> None:
    """Compare on all curves."""
    table = pd.read_csv(shared / "noise_scaling" / "mi_results.csv")
    table = table[(table["size"] >= 1000) & table["algorithm"].isin(["PCA", "SCVI", "Geneformer"])]
    curves = [curve for _, curve in table.groupby(["dataset", "signal", "algorithm", "size"])]
    print(f"{len(curves)} curves")
    for withheld in range(1, 6):
        errors: dict[str, list[float]] = {"prediction": [], "law": [], "line": []}
        inside, widths = [], []
        for curve in curves:
            depths = np.sort(curve["umis_per_cell"].unique())
            known = curve[curve["umis_per_cell"] <= depths[-1 - withheld]]
            truth = curve.loc[curve["umis_per_cell"] == depths[-1], "mi_value"].mean()
            found = cx.scaling.predict(known["umis_per_cell"], known["mi_value"], at=depths[-1])
            means = known.groupby("umis_per_cell")["mi_value"].mean()
            (u0, u1), (y0, y1) = np.log(means.index[-2:]), means.to_numpy()[-2:]
            line = y1 + (y1 - y0) / (u1 - u0) * (np.log(depths[-1]) - u1)
            said = {"prediction": found.mean[0], "law": found.members["law"][0], "line": line}
            for name, value in said.items():
                errors[name].append(abs(value - truth))
            inside.append(found.low[0] <= truth <= found.high[0])
            widths.append(found.high[0] - found.low[0])
        medians = ", ".join(f"{name} {np.median(error):.3f}" for name, error in errors.items())
        print(
            f"{withheld} withheld ({depths[-1] / depths[-1 - withheld]:.1f} times deeper): "
            f"{medians}; interval holds {np.mean(inside):.0%}, width {np.median(widths):.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
