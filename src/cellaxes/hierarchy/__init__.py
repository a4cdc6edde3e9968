"""Cell types in levels from coarse to fine, along an ontology or from the data."""

from cellaxes.hierarchy._anchors import Anchor, AnchorTable, load_anchors
from cellaxes.hierarchy._annotation._annotate import annotate
from cellaxes.hierarchy._annotation._result import Annotation
from cellaxes.hierarchy._centroids import tree_from_embedding
from cellaxes.hierarchy._diff import TreeDiff, diff
from cellaxes.hierarchy._neighbours._search import Neighbours, neighbours, search
from cellaxes.hierarchy._ontology import Ontology, Term
from cellaxes.hierarchy._read import load_ontology
from cellaxes.hierarchy._result import Tree
from cellaxes.hierarchy._show import show
from cellaxes.hierarchy._tree import tree

__all__ = [
    "Anchor",
    "AnchorTable",
    "Annotation",
    "Neighbours",
    "Ontology",
    "Term",
    "Tree",
    "TreeDiff",
    "annotate",
    "diff",
    "load_anchors",
    "load_ontology",
    "neighbours",
    "search",
    "show",
    "tree",
    "tree_from_embedding",
]
