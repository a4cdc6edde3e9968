"""Cell types in levels from coarse to fine, and embeddings whose prefixes stand for them."""

from cellaxes.hierarchy import metrics
from cellaxes.hierarchy._adapters import Adapter, fit_adapter, load_adapter, show_adapters
from cellaxes.hierarchy._anchors import Anchor, AnchorTable, load_anchors
from cellaxes.hierarchy._annotation._annotate import annotate
from cellaxes.hierarchy._annotation._result import Annotation
from cellaxes.hierarchy._centroids import tree_from_embedding
from cellaxes.hierarchy._diff import TreeDiff, diff
from cellaxes.hierarchy._evaluation._evaluate import evaluate
from cellaxes.hierarchy._evaluation._result import Evaluation
from cellaxes.hierarchy._evaluation._splits import Split, split_by
from cellaxes.hierarchy._ingest._batches import batches
from cellaxes.hierarchy._ingest._cache import open_cells, write_cells
from cellaxes.hierarchy._ingest._cells import Cells, CellStream
from cellaxes.hierarchy._ingest._parquet import write_parquet
from cellaxes.hierarchy._ingest._read import read_cells
from cellaxes.hierarchy._ingest._stratify import stratify, write_stratified
from cellaxes.hierarchy._neighbours._search import Neighbours, neighbours, search
from cellaxes.hierarchy._ontology import Ontology, Term
from cellaxes.hierarchy._read import load_ontology
from cellaxes.hierarchy._result import Tree, load_tree
from cellaxes.hierarchy._show import show
from cellaxes.hierarchy._tree import tree

__all__ = [
    "Adapter",
    "Anchor",
    "AnchorTable",
    "Annotation",
    "CellStream",
    "Cells",
    "Evaluation",
    "Neighbours",
    "Ontology",
    "Split",
    "Term",
    "Tree",
    "TreeDiff",
    "annotate",
    "batches",
    "diff",
    "evaluate",
    "fit_adapter",
    "load_adapter",
    "load_anchors",
    "load_ontology",
    "load_tree",
    "metrics",
    "neighbours",
    "open_cells",
    "read_cells",
    "search",
    "show",
    "show_adapters",
    "split_by",
    "stratify",
    "tree",
    "tree_from_embedding",
    "write_cells",
    "write_parquet",
    "write_stratified",
]
