"""Questions about ancestors and distances between labels that hang in a graph."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cellaxes.hierarchy._ontology import steps_up

ROOT = "root"
"""Above everything that has no parent, so that any two labels are some distance apart."""

Graph = dict[str, tuple[str, ...]]


def rooted(parents: Graph, nodes: Sequence[str]) -> Graph:
    """Return the part of a graph that is above ``nodes``, with `ROOT` on top."""
    found: Graph = {ROOT: ()}
    waiting = list(dict.fromkeys(nodes))
    while waiting:
        node = waiting.pop()
        if node not in found:
            found[node] = parents.get(node) or (ROOT,)
            waiting.extend(parents.get(node, ()))
    return found


def steps_matrix(graph: Graph, nodes: Sequence[str]) -> NDArray[np.float64]:
    """Return the fewest steps from each node up to each of the graph, ``(n, n_graph)``.

    Infinite where the one is not above the other.
    """
    place = {node: k for k, node in enumerate(graph)}
    found = np.full((len(nodes), len(place)), np.inf)
    for row, node in enumerate(nodes):
        steps = steps_up(graph, node)
        found[row, [place[up] for up in steps]] = list(steps.values())
    return found


def distances(graph: Graph, nodes: Sequence[str]) -> NDArray[np.int64]:
    """Return the fewest steps from node to node over a common ancestor, ``(n, n)``."""
    steps = steps_matrix(graph, nodes).T.copy()
    found = np.empty((len(nodes), len(nodes)), dtype=np.int64)
    for k, column in enumerate(steps.T):
        above = np.flatnonzero(np.isfinite(column))
        found[k] = (steps[above] + column[above, None]).min(axis=0)
    return found


def ancestry(graph: Graph, nodes: Sequence[str]) -> NDArray[np.bool_]:
    """Return whether node i is strictly above node j, ``(n, n)``."""
    place = {node: k for k, node in enumerate(graph)}
    steps = steps_matrix(graph, nodes)[:, [place[node] for node in nodes]]
    above: NDArray[np.bool_] = np.isfinite(steps.T) & (steps.T > 0)
    return above


def lowest_common(graph: Graph, one: str, other: str) -> tuple[str, ...]:
    """Return the common ancestors (or selves) that have no common one below them, nearest first."""
    left, right = steps_up(graph, one), steps_up(graph, other)
    common = [node for node in left if node in right and node != ROOT]
    higher = {up for node in common for up in steps_up(graph, node) if up != node}
    lowest = [node for node in common if node not in higher]
    return tuple(sorted(lowest, key=lambda node: (left[node] + right[node], node)))
