"""Cell types in levels from coarse to fine, along an ontology or from the data."""

from cellaxes.hierarchy._anchors import Anchor, AnchorTable, load_anchors
from cellaxes.hierarchy._centroids import tree_from_embedding
from cellaxes.hierarchy._diff import TreeDiff, diff
from cellaxes.hierarchy._ontology import Ontology, Term
from cellaxes.hierarchy._read import load_ontology
from cellaxes.hierarchy._result import Tree
from cellaxes.hierarchy._show import show
from cellaxes.hierarchy._tree import tree

__all__ = [
    "Anchor",
    "AnchorTable",
    "Ontology",
    "Term",
    "Tree",
    "TreeDiff",
    "diff",
    "load_anchors",
    "load_ontology",
    "show",
    "tree",
    "tree_from_embedding",
]
