"""Commands that start from a table of results: laws, plans, the zoo."""

import math
from pathlib import Path
from typing import Annotated

import typer

from cellaxes._core.errors import InputError
from cellaxes.cli._options import By, Level, Out, RandomState, Table


def fit(
    table: Table,
    information: Annotated[str, typer.Option("--information", help="Column with the bits.")],
    depth: Annotated[str | None, typer.Option("--depth", help="Column with the depth.")] = None,
    n_cells: Annotated[
        str | None, typer.Option("--n-cells", help="Column with the training cells.")
    ] = None,
    law: Annotated[
        str, typer.Option("--law", help="noise, forms (of the noise law), cells or joint.")
    ] = "noise",
    by: By = "",
    level: Level = None,
    at: Annotated[
        str, typer.Option("--at", help="Depths or cells to predict, by commas; law noise or cells.")
    ] = "",
    out: Out = Path(),
) -> None:
    """Fit a law to every curve of a table; writes fits.csv and fits.json to the folder --out.

    Example: cellaxes fit mi.csv --depth umis_per_cell --information bits --by model,signal
    """
    from cellaxes._core.files import pretty_json
    from cellaxes._core.folders import folder_filled, out_dir
    from cellaxes._core.tables import read_table, thinned_alike
    from cellaxes.scaling import fit_table, predict_table

    names = _names(by)
    rows = read_table(table) if "thin" in names else thinned_alike(read_table(table))
    goals = _numbers(at, "--at")
    if level and law == "cells":
        raise InputError("--level marks replicates of one depth: leave it out with --law cells.")
    if goals and law not in ("noise", "cells"):
        raise InputError(
            f"--at predicts along depth or cells: take --law noise or cells, not {law}."
        )
    fits = fit_table(rows, depth, information, by=names, level=level, law=law, n_cells=n_cells)
    folder = out_dir(out)
    written = {"schema": "cellaxes.fit/1", "law": law, "fits": fits.to_dict("records")}
    if goals:
        along, axis = ("depth", depth) if law == "noise" else ("cells", n_cells)
        ahead = predict_table(
            rows, str(axis), information, at=goals, by=names, level=level, along=along
        )
        written["predictions"] = ahead.to_dict("records")
    with folder_filled(folder, instead_of=["predictions.csv"]) as new:
        fits.to_csv(new / "fits.csv", index=False)
        if goals:
            ahead.to_csv(new / "predictions.csv", index=False)
        (new / "fits.json").write_text(pretty_json(written))
    identified = int(fits["identified"].sum())
    typer.echo(f"{len(fits)} curves, {identified} identified: {folder / 'fits.csv'}")


def plan(
    table: Table,
    budget: Annotated[float, typer.Option("--budget", help="In the currency of the costs.")],
    per_cell: Annotated[
        float, typer.Option("--cost-per-cell", min=0, help="Of preparing one cell.")
    ] = 0.0,
    per_umi: Annotated[
        float, typer.Option("--cost-per-umi", min=0, help="Of one UMI, beside what its reads cost.")
    ] = 0.0,
    per_read: Annotated[
        float, typer.Option("--cost-per-read", min=0, help="Of sequencing one read.")
    ] = 0.0,
    reads_per_umi: Annotated[
        float, typer.Option("--reads-per-umi", help="Reads that one UMI takes.")
    ] = 1.0,
    per_library: Annotated[
        float, typer.Option("--cost-per-library", min=0, help="Of one library.")
    ] = 0.0,
    cells_per_library: Annotated[
        int, typer.Option("--cells-per-library", min=1, help="Cells that one library holds.")
    ] = 10_000,
    fixed: Annotated[
        float, typer.Option("--cost-fixed", min=0, help="Paid whatever is measured.")
    ] = 0.0,
    depth: Annotated[
        str, typer.Option("--depth", help="Column with UMIs per cell.")
    ] = "umis_per_cell",
    n_cells: Annotated[
        str, typer.Option("--n-cells", help="Column with the training cells.")
    ] = "n_train",
    information: Annotated[
        str, typer.Option("--information", help="Column with the bits.")
    ] = "information",
    by: By = "",
    level: Level = None,
    target: Annotated[
        list[str] | None,
        typer.Option("--target", help="bits=2, share_of_bits=0.9 or share_of_states=0.9; repeat."),
    ] = None,
    max_cells: Annotated[
        float | None, typer.Option("--max-cells", help="No plan has more cells.")
    ] = None,
    max_depth: Annotated[
        float | None, typer.Option("--max-depth", help="No plan has more UMIs per cell.")
    ] = None,
    out: Out = Path("plan"),
    random_state: RandomState = 0,
) -> None:
    """Say how many cells and how deep a budget is best spent, from a pilot with several sizes.

    Example: cellaxes plan study/runs.csv --by signal,model --level fraction --budget 5000
    --cost-per-cell 0.2 --cost-per-read 0.00002 --reads-per-umi 2.5 --target share_of_states=0.9
    """
    from cellaxes.scaling import Costs
    from cellaxes.verbs import plan as make_plan

    report = make_plan(
        table,
        Costs(
            per_cell=per_cell,
            per_umi=per_umi,
            per_read=per_read,
            reads_per_umi=reads_per_umi,
            per_library=per_library,
            cells_per_library=cells_per_library,
            fixed=fixed,
        ),
        budget,
        depth=depth,
        n_cells=n_cells,
        information=information,
        by=_names(by),
        level=level,
        targets=[_target(word) for word in target or []],
        max_cells=max_cells,
        max_depth=max_depth,
        out=out,
        random_state=random_state,
    )
    for model in report.models:
        typer.echo(f"{model.name}: {model.sentence}" if model.name else model.sentence)
    typer.echo(f"\n{out / 'report.html'}")


def zoo(
    table: Table,
    out: Annotated[Path, typer.Option("--out", help="The page to write.")] = Path("zoo.html"),
    depth: Annotated[str | None, typer.Option("--depth", help="Column with the depth.")] = None,
    information: Annotated[
        str | None, typer.Option("--information", help="Column with the bits.")
    ] = None,
    dataset: Annotated[str | None, typer.Option("--dataset", help="Column with the data.")] = None,
    signal: Annotated[str | None, typer.Option("--signal", help="Column with the signal.")] = None,
    model: Annotated[str | None, typer.Option("--model", help="Column with the model.")] = None,
    size: Annotated[
        str | None, typer.Option("--size", help="Column with the training cells.")
    ] = None,
    seed: Annotated[str | None, typer.Option("--seed", help="Column with the replicate.")] = None,
    level: Level = None,
    unit: Annotated[str | None, typer.Option("--unit", help="Unit of the depth.")] = None,
    title: Annotated[str, typer.Option("--title", help="Heading of the page.")] = "Scaling zoo",
) -> None:
    """Put every curve of a table on one interactive page that needs no network.

    Columns that are not named are looked for under common names.

    Example: cellaxes zoo mi.csv --out zoo.html
    """
    from cellaxes._core.tables import read_table
    from cellaxes.report import zoo as make_zoo

    page = make_zoo(
        read_table(table),
        depth,
        information,
        dataset=dataset,
        signal=signal,
        model=model,
        size=size,
        seed=seed,
        level=level,
        unit=unit,
        title=title,
        progress=True,
    )
    typer.echo(f"{page}: {page.write(out)}")


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _target(word: str) -> tuple[str, float]:
    kind, _, value = word.partition("=")
    numbers = _numbers(value, "--target")
    if len(numbers) != 1:
        raise InputError(f"--target takes one number, as in bits=2, not {word!r}.")
    return kind, numbers[0]


def _numbers(text: str, option: str) -> list[float]:
    try:
        numbers = [float(word) for word in _names(text)]
    except ValueError:
        numbers = [float("nan")]
    if not all(math.isfinite(number) for number in numbers):
        raise InputError(f"{option} takes numbers, not {text!r}.")
    return numbers
