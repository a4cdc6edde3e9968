"""Codes of doubt, what they mean, and where they begin."""

FEW_CELLS, LOW_CELLS = 10, 25
TINY_LIBRARY, LOW_LIBRARY = 0.05, 0.2
SIGNIFICANT = 2.0
"""|signed log10 p| above which a gene counts as significant."""
OUTLYING = 4.0
"""Robust z within a context above which a row stands out."""
ENOUGH = 8
"""Rows of a context below which all rows together say what is usual."""

REASONS = {
    "few_cells": f"fewer than {FEW_CELLS} cells in the median sample",
    "tiny_library": f"library below {TINY_LIBRARY:.0%} of the context's median control",
    "one_sided": "many significant genes and nearly all shifted to one side: zeros of small "
    "libraries, lifted by the pseudo-count, look like this",
    "tied": "many genes share one value: genes without counts look like this",
}
"""Codes that make a row suspect, and what they mean."""
WARNINGS = {
    "low_cells": f"fewer than {LOW_CELLS} cells in the median sample",
    "low_library": f"library below {LOW_LIBRARY:.0%} of the context's median control",
    "one_replicate": "one sample only",
    "one_donor": "one donor only",
    "unsupported": "half of the genes or more have no count in either arm",
    "strong": "far more significant genes than is usual in the context; often real",
}
"""Codes worth knowing that do not make a row suspect."""
GENE_REASONS = {
    "left_out": "not tested in this context",
    "unexpressed": "no count in any comparison of this context",
    "rare": "no count in either arm of half of the comparisons or more",
    "constant": "the same t in every row",
}
"""Codes of genes, and what they mean."""
