"""How many cells per well predictors of responses need, against a known truth."""

import json

import numpy as np
import pandas as pd
import pytest

import cellaxes as cx
from cellaxes import perturbation as p

COLUMNS = {"sample": "well", "covariates": ["donor"]}


@pytest.fixture(scope="module")
def screen():
    """Four contexts, 24 compounds and a control, three donors; 40 cells a well."""
    return p.simulate_screen(
        4, 24, 150, n_cells=40, depth=600, strength=0.5, well_sd=0, random_state=1
    )


@pytest.fixture(scope="module")
def made(screen, tmp_path_factory):
    out = tmp_path_factory.mktemp("needs") / "out"
    report = cx.verbs.predictor_needs(
        screen.cells, "random", held_out=0.4, out=out, **COLUMNS,
        predictors=["compound_mean", "additive"], progress=False,
    )  # fmt: skip
    return report, out


def test_the_folder_holds_the_page_and_its_numbers(made):
    report, out = made
    assert {entry.name for entry in out.iterdir()} == {
        "report.html", "results.json", "needs.csv", "levels.csv", "draws.csv",
    }  # fmt: skip
    told = json.loads((out / "results.json").read_text())
    assert told["schema"] == "cellaxes.predict-needs/1"
    page = (out / "report.html").read_text()
    for sentence in told["conclusions"]:
        assert sentence in page
    assert len(pd.read_csv(out / "needs.csv")) == 6
    assert report.conclusions == told["conclusions"]


def test_more_cells_and_more_molecules_never_hurt(made):
    for (_, _), rows in made[0].levels.groupby(["axis", "predictor"]):
        bits = rows.sort_values("fraction")["bits"].to_numpy()
        assert (np.diff(bits) > -0.02 * bits.max()).all()
