"""Names of features that claim what has been shown, and say by what."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from cellaxes._core.errors import InputError
from cellaxes.features._meaning._enrichment import Enrichment
from cellaxes.features._meaning._genes import Markers
from cellaxes.features._meaning._labels import LabelScores
from cellaxes.features._meaning._leakage import Leakage
from cellaxes.features._meaning._mask import housekeeping
from cellaxes.features._stability import STABLE

MIN_F1 = 0.5
"""F1 on held-out cells from which a feature may bear a label's name."""
MIN_R = 0.1
"""Correlation from which a gene may enter a name; it must also exceed what chance gives."""
MIN_SPECIFICITY = 1.0
"""Orders of magnitude by which a term must beat every unrelated one."""
TECHNICAL_R = 0.5
"""Correlation with depth or mitochondrial expression that a name has to confess."""


@dataclass(frozen=True)
class Name:
    """Name of a feature and what it rests on.

    Attributes
    ----------
    text
        ``"type: GENE1/GENE2 | term"``, of which only what passed is there; ``"batch: …"`` first
        where the feature leaks it; ``"unnamed: …"`` where nothing passed.
    evidence
        One clause per claim, with its numbers.
    """

    text: str
    evidence: tuple[str, ...]

    def __str__(self) -> str:
        return self.text


def name_features(
    markers: Markers,
    *,
    labels: LabelScores | None = None,
    sets: Enrichment | None = None,
    leakage: Leakage | None = None,
    stability: ArrayLike | None = None,
) -> tuple[Name, ...]:
    """Name every feature by the evidence that passes.

    A label enters at F1 > .5 on held-out cells; up to two genes at r >= .1 and above the
    highest correlation on permuted cells (known where `sets` is given), housekeeping genes left
    out; a term where both false discovery rates are below .05 and it stands ten times above all
    unrelated ones. A leaking feature is called ``batch`` first, one that follows depth or
    mitochondrial expression (``|r| >= .5``) likewise.

    Parameters
    ----------
    markers, labels, sets, leakage
        What is known of the features.
    stability
        Agreement with other seeds, ``(n_features,)``, 0 to 1, such as `Stability.worst`; below .8
        the name says so.

    Raises
    ------
    InputError
        If parts describe different numbers of features.
    """
    n = len(markers.r)
    held = None if stability is None else np.asarray(stability, dtype=np.float64).ravel()
    parts = {
        "labels": None if labels is None else len(labels.f1),
        "sets": None if sets is None else len(sets.p),
        "leakage": None if leakage is None else len(leakage.table),
        "stability": None if held is None else len(held),
    }
    for part, length in parts.items():
        if length not in (None, n):
            raise InputError(f"{part} describe {length} features, but markers {n}.")
    technical = _technical(leakage, n)
    typed, genes, terms = _labelled(labels, n), _marked(markers, sets), _termed(sets, n)
    names = []
    for i in range(n):
        claims = [part for part in (technical[i], typed[i], genes[i], terms[i]) if part is not None]
        evidence = [why for _, why in claims]
        text = _joined(technical[i], typed[i], genes[i], terms[i])
        if not claims:
            silent = not markers.r[i].any()
            text = "unnamed: constant" if silent else "unnamed: no label, gene or term passes"
        if held is not None and not held[i] >= STABLE:
            text += " (unstable)"
            evidence.append(f"stability {held[i]:.2f} across seeds")
        names.append(Name(text, tuple(evidence)))
    return tuple(names)


Claim = tuple[str, str] | None
"""What a name says, and why."""


def _joined(technical: Claim, label: Claim, genes: Claim, term: Claim) -> str:
    head = ": ".join(claim[0] for claim in (technical, label, genes) if claim is not None)
    return " | ".join(part for part in (head, term[0] if term else "") if part)


def _technical(leakage: Leakage | None, n: int) -> Sequence[Claim]:
    if leakage is None:
        return [None] * n
    claims: list[Claim] = []
    for row in leakage.table.to_dict("records"):
        if row.get("leaks", False):
            why = f"eta2 of batch within types {row['batch_eta2']:.2f}"
            claims.append(("batch", f"{why} (chance {leakage.chance:.2f})"))
            continue
        by_state = {state: row[f"r_{state}"] for state in ("depth", "mitochondrial")}
        state = max(by_state, key=lambda key: np.nan_to_num(abs(by_state[key])))
        strong = abs(by_state[state]) >= TECHNICAL_R
        claims.append((state, f"r {by_state[state]:.2f} with {state}") if strong else None)
    return claims


def _labelled(labels: LabelScores | None, n: int) -> Sequence[Claim]:
    if labels is None:
        return [None] * n
    return [
        (row["label"], f"{row['label']}: F1 {row['f1']:.2f} on held-out {labels.held_out}")
        if row["f1"] > MIN_F1
        else None
        for row in labels.best().to_dict("records")
    ]


def _marked(markers: Markers, sets: Enrichment | None) -> Sequence[Claim]:
    n = len(markers.r)
    floor = np.full(n, MIN_R) if sets is None else np.maximum(MIN_R, sets.r_chance)
    kept = np.flatnonzero(markers.ranked & ~housekeeping(markers.genes))
    if len(kept) == 0:
        return [None] * n
    r = markers.r[:, kept]
    best = np.argsort(-r, axis=1, kind="stable")[:, :2]
    claims: list[Claim] = []
    for i in range(n):
        passed = [k for k in best[i] if r[i, k] > floor[i]]
        named = [(str(markers.genes[kept[k]]), float(r[i, k])) for k in passed]
        text = "/".join(gene for gene, _ in named)
        why = ", ".join(f"{gene} r {value:.2f}" for gene, value in named)
        chance = "" if sets is None else f" (permuted cells: {sets.r_chance[i]:.2f} at most)"
        claims.append((text, why + chance) if named else None)
    return claims


def _termed(sets: Enrichment | None, n: int) -> Sequence[Claim]:
    if sets is None:
        return [None] * n
    claims: list[Claim] = []
    for row in sets.best().to_dict("records"):
        if not row["annotated"] or row["specificity"] < MIN_SPECIFICITY:
            claims.append(None)
            continue
        term = _readable(row["term"])
        q = f"q {row['q']:.1g}, {row['q_permuted']:.1g} against permuted cells"
        claims.append((term, f"{term}: {row['hits']} top genes, {q}"))
    return claims


def _readable(term: str) -> str:
    """Return a term without its collection and number.

    Examples
    --------
    >>> _readable("HALLMARK_INTERFERON_ALPHA_RESPONSE"), _readable("Cilium Movement (GO:0003341)")
    ('interferon alpha response', 'cilium movement')
    """
    bare = term.partition(" (GO:")[0]
    for prefix in ("HALLMARK_", "REACTOME_"):
        bare = bare.removeprefix(prefix)
    return bare.replace("_", " ").lower()
