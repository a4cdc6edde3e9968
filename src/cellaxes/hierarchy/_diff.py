"""What changes between two trees of the same types, as between two versions of an ontology."""

from dataclasses import dataclass

import pandas as pd

from cellaxes._core.errors import InputError
from cellaxes.hierarchy._result import Tree


@dataclass(frozen=True, eq=False)
class TreeDiff:
    """Types that lie elsewhere.

    Attributes
    ----------
    changes
        One row per type that moved (index ``label``): ``level`` (the coarsest that changed),
        ``before`` and ``after`` (its groups, coarse first, joined by `` / ``), ``id_before`` and
        ``id_after``.
    compared
        Types in both trees.
    only_before, only_after
        Labels of one tree alone.
    before, after
        Ontologies.
    """

    changes: pd.DataFrame
    compared: int
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]
    before: str
    after: str

    def down_to(self, level: int) -> pd.DataFrame:
        """Return the changes at ``level`` or a coarser one, one row each."""
        found: pd.DataFrame = self.changes[self.changes["level"] <= level]
        return found

    def to_frame(self) -> pd.DataFrame:
        """Return `changes`, one row each."""
        return self.changes

    def __repr__(self) -> str:
        lines = [
            f"TreeDiff from {self.before} to {self.after}: {len(self.changes)} of {self.compared} "
            "types moved"
        ]
        lines += [
            f"  level{level} {len(held):4d}: {', '.join(map(str, held.index[:6]))}"
            + ", …" * (len(held) > 6)
            for level, held in self.changes.groupby("level")
        ]
        for labels, which in ((self.only_before, self.before), (self.only_after, self.after)):
            if labels:
                lines.append(f"  only in {which}: {', '.join(labels)}")
        return "\n".join(lines)


def diff(before: Tree, after: Tree) -> TreeDiff:
    """Compare two trees type by type.

    Parameters
    ----------
    before, after
        Trees of equal depth, such as those of the same labels in two versions of an ontology.

    Raises
    ------
    InputError
        If the trees are not of equal depth.

    Examples
    --------
    >>> from cellaxes.hierarchy import tree
    >>> one = tree(["monocyte", "neuron"])
    >>> diff(one, one).changes.empty
    True
    """
    if before.levels.shape[1] != after.levels.shape[1]:
        raise InputError(
            f"the trees have {before.levels.shape[1]} and {after.levels.shape[1]} levels: make "
            "both of the same depth."
        )
    both = [label for label in before.labels if label in after.nodes]
    old, new = before.levels.loc[both], after.levels.loc[both]
    differs = old.to_numpy() != new.to_numpy()
    moved = differs.any(axis=1)
    labels = old.index[moved]
    changes = pd.DataFrame(
        {
            "level": differs[moved].argmax(axis=1) + 1,
            "before": old[moved].agg(" / ".join, axis=1) if moved.any() else [],
            "after": new[moved].agg(" / ".join, axis=1) if moved.any() else [],
            "id_before": before.report.loc[labels, "ontology_id"],
            "id_after": after.report.loc[labels, "ontology_id"],
        },
        index=labels,
    )
    return TreeDiff(
        changes=changes.sort_values("level", kind="stable"),
        compared=len(both),
        only_before=tuple(label for label in before.labels if label not in after.nodes),
        only_after=tuple(label for label in after.labels if label not in before.nodes),
        before=before.ontology or before.method,
        after=after.ontology or after.method,
    )
