"""The measuring report on real data sets with different signals.

    python benchmarks/real_data.py SHARED_DATA_FOLDER [OUT] [--quick]

Prints a row per curve, and where information does not fall with depth within its error. --quick:
one set, six depths, two seeds.
"""

import sys
from pathlib import Path

import numpy as np

import cellaxes as cx
from records import quick, record

SETS = (
    ("worm_embryo/worm_embryo.h5ad", "label:embryo.time.bin"),
    ("lung_time/lung_1384.h5ad", "label:age"),
    ("dlpfc/151673.h5ad", "label:layer_guess_reordered_short"),
    ("cbmc_cite/cbmc_500genes_named_labels.h5ad", "label:label"),
    ("cell_lines/celseq2_5cl.h5ad", "label:cell_line"),
    ("larry/larry_counts.h5ad", "label:state"),
    ("zeisel/zeisel_counts.h5ad", "label:class48"),
    ("pbmc10k_cite/pbmc10k_cite.h5ad", "protein:protein"),
)


def main(shared: Path, out: Path, small: bool) -> None:
    """Measure each set and print what was found."""
    less = {"n_levels": 6, "n_seeds": 2, "n_permutations": 1, "n_jobs": 1} if small else {}
    for name, signal in SETS[:1] if small else SETS:
        path = shared / "single_cell" / name
        report = cx.verbs.measure(path, [signal], out=out / path.stem, progress=False, **less)
        print(f"\n{path.stem}: {report.facts.seconds:.0f} s of runs")
        print(cx.report.brief(report), flush=True)
        for _, curve in report.to_frame().iterrows():
            record(f"{path.stem}, {signal.partition(':')[2]}, {curve['model']}: R² of the law",
                   curve["r_squared"], 0.97, "asked", better="reach",
                   note="six depths, two seeds" if small else "")  # fmt: skip
        for (model,), level in report.levels.groupby(["model"]):
            error = level["total_sd"].to_numpy() / np.sqrt(level["n_seeds"].to_numpy())
            rise = np.diff(level["information"].to_numpy())
            against = rise > 1.96 * np.hypot(error[1:], error[:-1])
            where = level["umis_per_cell"].to_numpy()[1:][against]
            told = f"rises below {np.round(where)} UMIs per cell" if against.any() else "monotone"
            print(f"{model}: {told} within 1.96 standard errors of the mean")


if __name__ == "__main__":
    asked = quick()
    main(Path(sys.argv[1]), Path(sys.argv[2] if len(sys.argv) > 2 else "real_data"), asked)
