"""The tree of cell types: levels from coarse to fine, why, and the graph above them."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes._core.errors import InputError, near
from cellaxes._core.files import plain
from cellaxes._core.reading import read_json, reading
from cellaxes.hierarchy import _graph
from cellaxes.hierarchy._ontology import steps_up

FORMAT = "cellaxes.tree/1"
SEED = "nearest-anchor"


@dataclass(frozen=True, eq=False)
class Tree:
    """Cell types in levels from coarse to fine.

    Attributes
    ----------
    levels
        One row per type (index ``label``), columns ``level1``, …, ``level<L>``; the last is the
        label itself.
    report
        One row per type: ``ontology_id``, ``term``, ``match`` (how the label was found), ``count``
        (how often it was handed in), ``path`` (up to its anchor), ``reason``, ``alternatives``
        (what else was possible).
    graph
        Parents of every node above a label, by id.
    names
        What the nodes are called.
    nodes
        Node of each label.
    method, ontology, anchors
        How it was made, of which version and with which table; empty where there is none.

    Raises
    ------
    InputError
        If a group lies in two groups of the level above. (The method ``"nearest-anchor"`` may do
        that; `strict` then says so.)
    """

    levels: pd.DataFrame
    report: pd.DataFrame
    graph: _graph.Graph
    names: dict[str, str]
    nodes: dict[str, str]
    method: str
    ontology: str = ""
    anchors: str = ""

    def __post_init__(self) -> None:
        if self.method != SEED and not self.strict:
            group = self.violations.iloc[0]
            raise InputError(
                f"{group['group']!r} of {group['level']} lies in {group['parents']}: a tree has "
                "one parent for each group."
            )

    def __len__(self) -> int:
        return len(self.levels)

    def __repr__(self) -> str:
        made = ", ".join(filter(None, [self.method, self.ontology, self.anchors]))
        nested = "nesting strict" if self.strict else f"groups not nested: {len(self.violations)}"
        lines = [f"Tree of {len(self)} types ({made}; {nested})"]
        for level, row in self.summary().iterrows():
            sizes = self.levels[level].value_counts()
            shown = ", ".join(f"{group} {size}" for group, size in sizes.head(4).items())
            tail = ", …" if len(sizes) > 4 else ""
            tail = f"  {shown}{tail}" if row["groups"] < len(self) else ""
            lines.append(f"  {level} {row['groups']:5.0f} groups {row['bits']:6.2f} bits{tail}")
        return "\n".join(lines)

    @property
    def labels(self) -> list[str]:
        """Labels, in order of the rows."""
        return [str(label) for label in self.levels.index]

    @cached_property
    def violations(self) -> pd.DataFrame:
        """Groups in two of the level above, a row each: ``level``, ``group``, ``parents``."""
        rows = []
        for upper, lower in pairwise(self.levels.columns):
            above = self.levels[[upper, lower]].drop_duplicates().groupby(lower)[upper].agg(list)
            rows += [
                (lower, group, " and ".join(sorted(parents)))
                for group, parents in above.items()
                if len(parents) > 1
            ]
        return pd.DataFrame(rows, columns=["level", "group", "parents"])

    @property
    def strict(self) -> bool:
        """Whether each group has one parent."""
        return self.violations.empty

    def summary(self) -> pd.DataFrame:
        """Return one row per level: groups, and entropy of the types given the level above.

        ``bits`` is ``H(level | level above)`` over types of equal weight: near zero where a level
        repeats the one above it.
        """
        bits = [_entropy(self.levels.iloc[:, : k + 1]) for k in range(self.levels.shape[1])]
        return pd.DataFrame(
            {
                "groups": [self.levels[level].nunique() for level in self.levels],
                "bits": np.diff([0.0, *bits]),
            },
            index=self.levels.columns,
        )

    def expand(self, labels: Iterable[Any]) -> pd.DataFrame:
        """Return the levels of cells, ``(n_cells, n_levels)``, categorical.

        Parameters
        ----------
        labels
            Label of each cell; each must be one of the tree.

        Raises
        ------
        InputError
            If a label is not in the tree.
        """
        wanted = pd.Index([str(label) for label in labels])
        rows = self.levels.index.get_indexer(wanted)
        if (rows < 0).any():
            alien = str(wanted[int((rows < 0).argmax())])
            raise InputError(f"the tree has no label {alien!r}: {near(alien, self.labels)}")
        return pd.DataFrame(
            {
                level: pd.Categorical(
                    self.levels[level].to_numpy()[rows], self.levels[level].unique()
                )
                for level in self.levels
            }
        )

    def ancestors(self, label: str) -> tuple[str, ...]:
        """Return the ids of everything strictly above ``label``, nearest first."""
        node = self._node(label)
        above = steps_up(self.graph, node)
        return tuple(up for up in above if up not in (node, _graph.ROOT))

    def is_ancestor(self, one: str, other: str) -> bool:
        """Whether the label ``one`` is strictly above the label ``other`` in the ontology."""
        return self._node(one) in self.ancestors(other)

    def ancestor_matrix(self) -> NDArray[np.bool_]:
        """Return whether label i is strictly above label j, ``(n_types, n_types)``."""
        return _graph.ancestry(self.graph, [self.nodes[label] for label in self.labels])

    def distance(self, one: str, other: str) -> int:
        """Return the fewest steps from ``one`` to ``other`` over a common ancestor; 0: the same."""
        nodes = [self._node(one), self._node(other)]
        return int(_graph.distances(self.graph, nodes)[0, 1])

    def distance_matrix(self) -> NDArray[np.int64]:
        """Return `distance` of all pairs of labels, ``(n_types, n_types)``."""
        return _graph.distances(self.graph, [self.nodes[label] for label in self.labels])

    def lca(self, one: str, other: str) -> tuple[str, ...]:
        """Return the ids of the lowest common ancestors of ``one`` and ``other``, nearest first.

        A label that is above the other is their lowest common ancestor. Several are possible, since
        a term may have several parents; none where only the root is common.
        """
        return _graph.lowest_common(self.graph, self._node(one), self._node(other))

    def to_frame(self) -> pd.DataFrame:
        """Return levels and report side by side, one row per type."""
        return self.levels.join(self.report)

    def to_dict(self) -> dict[str, Any]:
        """Return everything in JSON's own types; `from_dict` reads it back."""
        fields: dict[str, Any] = plain(
            {
                "format": FORMAT,
                "method": self.method,
                "ontology": self.ontology,
                "anchors": self.anchors,
                "levels": list(self.levels.columns),
                "types": [
                    {"label": label, "node": self.nodes[label], "groups": groups, **said}
                    for label, groups, said in zip(
                        self.labels,
                        self.levels.to_numpy().tolist(),
                        self.report.to_dict("records"),
                        strict=True,
                    )
                ],
                "graph": {
                    node: {"name": self.names.get(node, node), "parents": list(parents)}
                    for node, parents in self.graph.items()
                },
            }
        )
        return fields

    @staticmethod
    def from_dict(fields: dict[str, Any]) -> "Tree":
        """Return the tree whose ``fields`` `to_dict` wrote.

        Raises
        ------
        InputError
            If it is of another format or incomplete.
        """
        if not isinstance(fields, dict) or fields.get("format") != FORMAT:
            raise InputError(f"this is no tree that cellaxes wrote: its format is not {FORMAT!r}.")
        try:
            types = fields["types"]
            labels = pd.Index([entry["label"] for entry in types], name="label", dtype=object)
            rest = [
                {k: v for k, v in entry.items() if k not in ("label", "node", "groups")}
                for entry in types
            ]
            graph = {node: tuple(entry["parents"]) for node, entry in fields["graph"].items()}
            nodes = {entry["label"]: entry["node"] for entry in types}
            named = {*nodes.values(), *(up for above in graph.values() for up in above)}
            if lost := sorted(named - graph.keys()):
                raise KeyError(lost[0])
            tree = Tree(
                levels=pd.DataFrame(
                    [entry["groups"] for entry in types], labels, fields["levels"], dtype=object
                ),
                report=pd.DataFrame(rest, labels),
                graph=graph,
                names={node: entry["name"] for node, entry in fields["graph"].items()},
                nodes=nodes,
                method=fields["method"],
                ontology=fields["ontology"],
                anchors=fields["anchors"],
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise InputError(f"the tree is incomplete ({error}): write it again.") from error
        return tree

    def _node(self, label: str) -> str:
        if label not in self.nodes:
            raise InputError(f"the tree has no label {label!r}: {near(label, self.labels)}")
        return self.nodes[label]


def load_tree(path: str | Path) -> Tree:
    """Read the ``path`` of a ``tree.json`` that `structure` or the command line wrote.

    Raises
    ------
    InputError
        If the file is missing, damaged, or no tree that cellaxes wrote.
    """
    with reading(path, "a tree", "write it again"):
        return Tree.from_dict(read_json(path, "a tree", "write it again"))


def _entropy(columns: pd.DataFrame) -> float:
    """Entropy of the rows, bits."""
    share = columns.value_counts(normalize=True).to_numpy()
    return float(-(share * np.log2(share)).sum())
