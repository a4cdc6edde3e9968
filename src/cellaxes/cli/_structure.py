"""The command that orders cell types from coarse to fine."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cellaxes._core.errors import InputError, near
from cellaxes.cli._groups import READ, DataFirst
from cellaxes.cli._options import Out
from cellaxes.cli._structure_cells import structure_cells

if TYPE_CHECKING:
    from cellaxes.hierarchy import Tree


class Compression(StrEnum):
    """How a Parquet file is compressed."""

    none = "none"
    zstd = "zstd"


structure_app = typer.Typer(
    cls=DataFirst,
    no_args_is_help=True,
    help="Order cell types and embeddings from coarse to fine (options: structure cells --help): "
    "structure cells.h5ad --rep X_scVI --labels cell_type --out DIR.",
)
structure_app.command(READ)(structure_cells)


@structure_app.command("tree")
def structure_tree(
    data: Annotated[
        Path,
        typer.Argument(help="A text file with a label per line, a table, or an .h5ad file."),
    ],
    out: Out,
    labels: Annotated[
        str, typer.Option("--labels", help="Column of a table or of obs: cell type.")
    ] = "cell_type",
    ontology_id: Annotated[
        str | None, typer.Option("--ontology-id", help="Column with the ids of the labels.")
    ] = None,
    levels: Annotated[int, typer.Option("--levels", help="Depth, 2 to 6.")] = 4,
    anchors: Annotated[
        str, typer.Option("--anchors", help="systems, cellxgene, or a table of your own.")
    ] = "systems",
    ontology: Annotated[
        str | None,
        typer.Option("--ontology", help="OBO or cellxgene-ontology-guide JSON, .gz or .zst."),
    ] = None,
    relation: Annotated[
        list[str], typer.Option("--relation", help="Counts as a step up; repeat, or all.")
    ] = ["is_a"],  # noqa: B006
    method: Annotated[
        str, typer.Option("--method", help="most-specific, or nearest-anchor.")
    ] = "most-specific",
    allow_unknown: Annotated[
        bool, typer.Option("--allow-unknown", help="Put labels of no term apart.")
    ] = False,
    unknown: Annotated[str, typer.Option("--unknown", help="Group of such labels.")] = "Other",
    other: Annotated[
        str | None,
        typer.Option("--diff", help="An ontology to compare with, for example an older one."),
    ] = None,
) -> None:
    """Order cell types along an ontology; write tree.csv, tree.json and report.csv.

    Example: cellaxes structure tree cells.h5ad --labels cell_type --out tree
    """
    from cellaxes._core.files import pretty_json
    from cellaxes._core.folders import folder_filled, out_dir
    from cellaxes.hierarchy import diff, load_anchors, load_ontology, tree

    names, ids = _labels(data, labels, ontology_id)
    table = load_anchors(anchors)

    def grow(source: str | None) -> "Tree":
        return tree(
            names,
            ids,
            levels,
            ontology=load_ontology(source) if source else load_ontology(),
            anchors=table,
            relations=relation,
            method=method,
            allow_unknown=allow_unknown,
            unknown=unknown,
        )

    found = grow(ontology)
    changes = diff(grow(other), found) if other else None
    folder = out_dir(out)
    with folder_filled(folder, instead_of=["diff.csv"]) as new:
        found.levels.to_csv(new / "tree.csv")
        (new / "tree.json").write_text(pretty_json(found.to_dict()))
        found.report.to_csv(new / "report.csv")
        if changes is not None:
            changes.to_frame().to_csv(new / "diff.csv")
    typer.echo(found)
    if changes is not None:
        typer.echo(changes)
    typer.echo(f"\n{out / 'tree.csv'}")


@structure_app.command("ingest")
def structure_ingest(
    source: Annotated[
        Path,
        typer.Argument(
            help="An .h5ad, .parquet or .npy file, a folder of Parquet files, a SCimilarity model "
            "folder, or a folder that this command wrote."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder to write; must not exist yet.")],
    rep: Annotated[
        str | None, typer.Option("--rep", help="Embedding: key of obsm, or column of lists.")
    ] = None,
    labels: Annotated[
        list[str] | None, typer.Option("--labels", help="Label column; repeat for several.")
    ] = None,
    table: Annotated[
        Path | None, typer.Option("--table", help="Labels of a .npy file: a .csv or .tsv file.")
    ] = None,
    tree: Annotated[
        Path | None,
        typer.Option("--tree", help="A tree.json; its levels become columns of the first label."),
    ] = None,
    missing: Annotated[
        str | None, typer.Option("--missing", help="Name of cells without a label.")
    ] = None,
    dtype: Annotated[
        str | None, typer.Option("--dtype", help="float32, or float16 for half the size.")
    ] = None,
    parquet: Annotated[
        Path | None, typer.Option("--parquet", help="Write this Parquet file too.")
    ] = None,
    compression: Annotated[
        Compression, typer.Option("--compression", help="Of the Parquet file.")
    ] = Compression.none,
) -> None:
    """Write an embedding with its labels as the memory map that is trained on.

    Example: cellaxes structure ingest cells.h5ad --rep X_scVI --labels cell_type --out cells
    """
    from dataclasses import replace

    from tqdm import tqdm

    from cellaxes.hierarchy import load_tree, read_cells, write_cells, write_parquet

    stream = read_cells(source, labels, rep=rep, table=table, missing=missing)
    if tree is not None:
        grown = load_tree(tree)
        stream = stream.with_levels(grown, labels[0] if labels else next(iter(stream.columns)))
    read, total = stream.read, -(-len(stream) // 65_536)
    stream = replace(stream, read=lambda: iter(tqdm(read(), "cells", total, unit="block")))
    cells = write_cells(stream, out, dtype=dtype)
    typer.echo(cells)
    if parquet is not None:
        typer.echo(f"\n{write_parquet(cells, parquet, compression=compression)}")


def _labels(
    path: Path, labels: str, ontology_id: str | None
) -> tuple[list[object], list[object] | None]:
    """Return the labels of a file, and their ids where a column is named."""
    from cellaxes._core.adata import obs_column, read_h5ad
    from cellaxes._core.tables import read_table

    if path.suffix == ".h5ad":
        cells = read_h5ad(path, backed=True)
        frame = cells.obs
        obs_column(cells, labels)
    elif path.suffix in (".csv", ".tsv", ".parquet"):
        frame = read_table(path)
    else:
        if ontology_id is not None:
            raise InputError(
                f"{path} is read as a list of labels, which has no column {ontology_id!r}: hand in "
                "a .csv, .tsv, .parquet or .h5ad file."
            )
        return list(_lines(path)), None
    for column in filter(None, (labels, ontology_id)):
        if column not in frame:
            raise InputError(f"{path} has no column {column!r}: {near(column, frame.columns)}")
    return frame[labels].tolist(), frame[ontology_id].tolist() if ontology_id else None


def _lines(path: Path) -> list[str]:
    if not path.is_file():
        raise InputError(f"{path} is no file: check its path.")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as text: hand in a label per line.") from error
    return [line.strip() for line in lines if line.strip()]
