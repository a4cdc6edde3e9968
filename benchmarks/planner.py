"""The planner where the optimum is known: simulated studies, and grids that were measured whole.

    python benchmarks/planner.py [--quick] [SHARED_DATA_FOLDER]

100 simulated studies with random laws, pilots, costs and budgets: how often the 90 % region
holds the optimum, and what the plan loses against it at equal cost. The same with a law that
the planner does not know (capacity falls as a power of the cells, inside the noise law). Then
the published grids: a pilot without the largest sizes and deepest levels plans within the whole
grid, whose interpolation says what was lost.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy.interpolate import RegularGridInterpolator
from threadpoolctl import threadpool_limits

import cellaxes as cx
from records import quick, record

N_STUDIES = 100


def known_law(rng: np.random.Generator):
    """Return a random joint law."""
    return cx.scaling.JointLaw(
        u_bar=10 ** rng.uniform(2, 3.7),
        n_bar=10 ** rng.uniform(1, 3.3),
        I_max=rng.uniform(1, 5),
        gamma=np.exp(0.15 * rng.standard_normal()),
        s=rng.uniform(0.3, 1),
        k=np.exp(0.4 * rng.standard_normal()),
    )


def other_law(rng: np.random.Generator):
    """Return a noise law whose capacity follows the cell-number law."""
    cells = cx.scaling.CellLaw(10 ** rng.uniform(1, 2.5), rng.uniform(0.3, 0.7), rng.uniform(2, 5))
    u_bar = 10 ** rng.uniform(2, 3.7)

    def law(u, n):
        return np.vectorize(lambda a, b: cx.scaling.NoiseLaw(u_bar, max(cells(b), 1e-6))(float(a)))(
            u, n
        )

    return law


def study(make, seed: int) -> tuple[bool, float, float, bool, bool]:
    """Plan one simulated study: is the optimum held, what is lost, how wide, known, interior."""
    with threadpool_limits(1):
        rng = np.random.default_rng(seed)
        law = make(rng)
        sizes = np.geomspace(100, 10 ** rng.uniform(3.3, 4.3), 5).round()
        depths = np.geomspace(20, 10 ** rng.uniform(3, 4), 6)
        u, n = (np.repeat(axis, 3) for axis in np.meshgrid(depths, sizes))
        y = law(u, n) + 0.05 * rng.standard_normal(u.shape)
        costs = cx.scaling.Costs(
            per_cell=10 ** rng.uniform(-1.3, 0), per_umi=10 ** rng.uniform(-5, -4)
        )
        budget = costs.total(sizes[-1], depths[-1]) * 10 ** rng.uniform(-0.5, 1)
        found = cx.scaling.plan(u, n, y, costs=costs, budget=budget, random_state=seed)
        line = found.to_frame()
        truth = law(line["depth"].to_numpy(), line["n_cells"].to_numpy())
        best = line["n_cells"][truth.argmax()]
        chosen = float(law(np.array([found.depth]), np.array([found.n_cells]))[0])
        return (
            bool(found.n_cells_low <= best <= found.n_cells_high),
            1 - chosen / float(truth.max()),
            found.n_cells_high / found.n_cells_low,
            found.known,
            0 < truth.argmax() < len(truth) - 1,
        )


def grids(shared: Path) -> None:
    """Plan on the published grids."""
    table = pd.read_csv(shared / "noise_scaling" / "mi_results.csv")
    table = table[table["algorithm"].isin(["PCA", "SCVI", "Geneformer"])]
    lost, inside, held = [], [], []
    for name, grid in table.groupby(["dataset", "signal", "algorithm"]):
        whole = grid.pivot_table(index="size", columns="umis_per_cell", values="mi_value")
        sizes, depths = (axis.to_numpy(float) for axis in (whole.index, whole.columns))
        surface = RegularGridInterpolator((np.log(sizes), np.log(depths)), whole.to_numpy())
        pilot = grid[(grid["size"] < sizes[-3]) & (grid["umis_per_cell"] < depths[-2])]
        for ratio in (1e-5, 1e-4, 1e-3):
            costs = cx.scaling.Costs(per_cell=0.2, per_umi=ratio)
            budget = costs.total(sizes[-3], depths[-3])
            found = cx.scaling.plan(
                pilot["umis_per_cell"],
                pilot["size"],
                pilot["mi_value"],
                costs=costs,
                budget=budget,
                max_cells=sizes[-1],
                max_depth=depths[-1],
            )
            line = found.to_frame()
            line = line[(line["depth"] >= depths[0]) & (line["n_cells"] <= sizes[-1])]
            truth = surface(np.log(line[["n_cells", "depth"]].to_numpy()))
            chosen = surface(np.log([[found.n_cells, max(found.depth, depths[0])]]))[0]
            lost.append(1 - chosen / truth.max())
            best = line["n_cells"].to_numpy()[truth.argmax()]
            held.append(found.n_cells_low <= best <= found.n_cells_high)
            inside.append(found.information_low <= chosen <= found.information_high)
        print(f"{' '.join(name):34} loses {', '.join(f'{x:.1%}' for x in lost[-3:])}", flush=True)
    print(
        f"published grids: median loss {np.median(lost):.1%}, largest {max(lost):.1%}; the "
        f"interval of the information holds {np.mean(inside):.0%}, the region the optimum "
        f"{np.mean(held):.0%}"
    )


def main(small: bool) -> None:
    """Run both."""
    for name, make in (("known law", known_law), ("other law", other_law)):
        seeds = range(N_STUDIES // 10 if small else N_STUDIES)
        rows = Parallel(n_jobs=1 if small else 2)(delayed(study)(make, seed) for seed in seeds)
        inside, loss, width, known, interior = map(np.array, zip(*rows, strict=True))
        print(
            f"{name}: region holds the optimum in {inside.sum()} of {len(rows)} "
            f"({inside[interior].sum()} of {interior.sum()} not at an end of the budget line), "
            f"median ratio of its ends {np.median(width):.1f}; median loss {np.median(loss):.2%}, "
            f"90 % below {np.quantile(loss, 0.9):.1%}; {known.sum()} said to be known, of which "
            f"median loss {np.median(loss[known]):.2%}, largest {loss[known].max():.1%}",
            flush=True,
        )
        told = {"note": f"{len(rows)} simulated studies of a {name}"}
        record("region of 90 % holds the optimum", inside.mean(), 0.85, "asked", better="reach",
               **told)  # fmt: skip
        record("median loss against the optimum", np.median(loss), 0.02, "asked", better="within",
               **told)  # fmt: skip
        if small:
            return
    if len(sys.argv) > 1:
        grids(Path(sys.argv[1]))


if __name__ == "__main__":
    main(quick())
