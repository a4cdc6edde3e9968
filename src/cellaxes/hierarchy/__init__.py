"""Cell types in levels from coarse to fine, and embeddings whose prefixes stand for them."""

from cellaxes.hierarchy._adapters import Adapter, fit_adapter, load_adapter, show_adapters
from cellaxes.hierarchy._anchors import Anchor, AnchorTable, load_anchors
from cellaxes.hierarchy._centroids import tree_from_embedding
from cellaxes.hierarchy._diff import TreeDiff, diff
from cellaxes.hierarchy._ontology import Ontology, Term
from cellaxes.hierarchy._read import load_ontology
from cellaxes.hierarchy._result import Tree
from cellaxes.hierarchy._show import show
from cellaxes.hierarchy._tree import tree

__all__ = [
    "Adapter",
    "Anchor",
    "AnchorTable",
    "Ontology",
    "Term",
    "Tree",
    "TreeDiff",
    "diff",
    "fit_adapter",
    "load_adapter",
    "load_anchors",
    "load_ontology",
    "show",
    "show_adapters",
    "tree",
    "tree_from_embedding",
]
