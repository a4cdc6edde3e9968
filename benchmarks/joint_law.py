"""One law for depth and cells: fit of the published grids, and of a corner that was withheld.

    python benchmarks/joint_law.py SHARED_DATA_FOLDER [--quick]

For each signal and model: R² on grid means, and root mean squared error in the 3 largest sizes
x 3 deepest levels when these were not fitted.
"""

import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

import cellaxes as cx
from records import quick, record

TOLD = {"constant ū, 4 parameters": 0.186, "ū(N), 5 parameters": 0.150, "additive, 5": 0.198}
"""Mean error in the withheld corner of other forms, in bits, as told on the same grids."""


def main(shared: Path) -> None:
    """Fit all grids."""
    table = pd.read_csv(shared / "noise_scaling" / "mi_results.csv")
    table = table[table["algorithm"].isin(["PCA", "SCVI", "Geneformer"])]
    explained, missed = [], []
    start = time.process_time()
    for name, grid in table.groupby(["dataset", "signal", "algorithm"]):
        means = grid.groupby(["umis_per_cell", "size"], as_index=False)["mi_value"].mean()
        u, n, y = (means[column] for column in ("umis_per_cell", "size", "mi_value"))
        fit = cx.scaling.fit_joint_law(u, n, y)
        corner = (u >= np.sort(u.unique())[-3]) & (n >= np.sort(n.unique())[-3])
        rest = cx.scaling.fit_joint_law(u[~corner], n[~corner], y[~corner])
        error = rest.law(u[corner], n[corner]) - y[corner]
        explained.append(fit.r_squared)
        missed.append(float((error**2).mean() ** 0.5))
        print(f"{' '.join(name):34} R2 {explained[-1]:.3f}  corner {missed[-1]:.2f}  {fit.law}")
    print(f"{time.process_time() - start:.1f} CPU s")
    record("joint law of depth and cells, mean R²", np.mean(explained), 0.975, "asked",
           better="reach", note="9 published grids, 6 parameters")  # fmt: skip
    for name, bits in TOLD.items():
        record("withheld corner, RMSE", np.mean(missed), bits, name, unit="bits",
               note="the other form's number is as told, not fitted here")  # fmt: skip


if __name__ == "__main__":
    quick()  # all of it is quick
    main(Path(sys.argv[1]))
