"""Trees of cell types: names, anchors, nesting, versions, distances, bad input."""

import gzip
import json
import sys

import anndata
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cellaxes as cx
from cellaxes import hierarchy
from cellaxes.cli import main
from cellaxes.hierarchy import Ontology, Term, Tree, diff, load_anchors, load_ontology, tree

LUNG = [
    "T cell",
    "naive B cell",
    "B cell",
    "natural killer cell",
    "monocyte",
    "vein endothelial cell",
    "type II pneumocyte",
    "fibroblast",
    "neuron",
    "secretory cell",
]

TOY = """format-version: 1.2
data-version: toy/1

[Term]
id: T:0
name: cell

[Term]
id: T:1
name: blood cell
synonym: "circulating cell" EXACT []
synonym: "drop" RELATED []
is_a: T:0 ! cell

[Term]
id: T:2
name: white cell
synonym: "drop" BROAD []
synonym: "say \\"white\\"" EXACT []
alt_id: T:22
is_a: T:1

[Term]
id: T:3
name: killer cell, human
synonym: "drop" NARROW []
is_a: T:2
relationship: develops_from T:4 ! bag cell

[Term]
id: T:4
name: bag cell
synonym: "killer" EXACT []
is_a: T:0

[Term]
id: T:5
name: obsolete round cell
is_obsolete: true
replaced_by: T:4

[Term]
id: T:6
name: Obsolete square cell
is_obsolete: true

[Typedef]
id: develops_from
name: develops from
"""


@pytest.fixture
def toy(tmp_path):
    path = tmp_path / "toy.obo"
    path.write_text(TOY)
    return path


@pytest.fixture(scope="module")
def names(shared):
    table = pd.read_csv(shared / "hierarchy" / "scimilarity_203_cell_types.tsv", sep="\t")
    return table.set_index("scimilarity_celltype_annotation")["scimilarity_celltype_ontology"]


@pytest.fixture(scope="module")
def old(shared):
    return load_ontology(shared / "hierarchy" / "cl-basic-2022-11-25.obo.gz")


def toy_anchors(*rows):
    columns = ["level", "ontology_id", "name", "fallback", "parent"]
    return pd.DataFrame([(*row, *("", "")[: 5 - len(row)]) for row in rows], columns=columns)


def nested(levels):
    for upper, lower in zip(levels.columns, levels.columns[1:], strict=False):
        if (levels.groupby(lower)[upper].nunique() > 1).any():
            return False
    return True


# ---- the 203 names of SCimilarity --------------------------------------------------------------


def test_every_scimilarity_name_is_found_and_nested(names):
    found = tree(names.index)
    assert len(found) == 203
    assert list(found.levels.columns) == ["level1", "level2", "level3", "level4"]
    assert found.strict
    assert nested(found.levels)
    assert (found.levels["level4"] == found.levels.index).all()
    same = found.report["ontology_id"] == names
    # the curated table sends this obsolete term to CL:0000255, the ontology to what replaced it
    assert found.labels.count("animal cell") == 1
    assert list(same.index[~same]) == ["animal cell"]


def test_endothelial_types_are_endothelial_in_every_version(names, old):
    endothelial = [name for name in names.index if "endothelial" in name]
    assert len(endothelial) == 10
    for ontology in (old, "cl-2026-03-26"):
        found = tree(names.index, ontology=ontology)
        assert set(found.levels.loc[endothelial, "level1"]) == {"Endothelial"}
    # by distance alone, half of them were epithelial in the old version
    legacy = tree(names.index, ontology=old, method="nearest-anchor")
    assert set(legacy.levels.loc[endothelial, "level1"]) == {"Endothelial", "Epithelial"}


def test_the_levels_share_out_what_there_is_to_know(names):
    """The published levels put .5 bit into the last and 1 bit into the second."""
    bits = tree(names.index).summary()["bits"]
    assert bits.sum() == pytest.approx(np.log2(203), abs=1e-9)
    assert bits["level3"] > 1.5
    assert bits["level4"] > 1.5


@pytest.mark.parametrize(
    ("table", "file", "relation"),
    [
        ("clbasic-2022-11-25_all-edges", "cl-basic-2022-11-25.obo.gz", "all"),
        ("clbasic-2022-11-25_isa-only", "cl-basic-2022-11-25.obo.gz", "is_a"),
        ("cl-v2026-03-26_isa-only", "CL-ontology-v2026-03-26.json.zst", "is_a"),
        ("cl-v2026-03-26_isa-only", None, "is_a"),
    ],
)
def test_the_published_rule_is_reproduced_exactly(shared, table, file, relation):
    expected = pd.read_csv(
        shared / "hierarchy" / f"hierarchy_{table}.csv", keep_default_na=False, index_col="name"
    )
    found = tree(
        expected.index,
        ontology=shared / "hierarchy" / file if file else "cl-2026-03-26",
        relations=[relation],
        method="nearest-anchor",
    )
    np.testing.assert_array_equal(found.levels, expected.drop(columns="cl"))
    np.testing.assert_array_equal(found.report["ontology_id"], expected["cl"])


def test_the_difference_lists_what_moved_between_versions(names, old):
    legacy = [
        tree(names.index, ontology=ontology, method="nearest-anchor")
        for ontology in (old, "cl-2026-03-26")
    ]
    moved = diff(*legacy).down_to(2)
    assert len(moved) == 14
    assert (moved["level"] == 1).sum() == 10
    assert moved.loc["vein endothelial cell", "before"].startswith("Epithelial / Epithelial")
    assert moved.loc["vein endothelial cell", "after"].startswith("Endothelial / Endothelial")
    # the most specific anchor is right in both, so that fewer types move
    ours = [tree(names.index, ontology=ontology) for ontology in (old, "cl-2026-03-26")]
    assert set(diff(*ours).down_to(2).index) < set(moved.index)


def test_the_ontology_that_comes_along_is_the_published_one(shared):
    here = load_ontology()
    there = load_ontology(shared / "hierarchy" / "CL-ontology-v2026-03-26.json.zst")
    assert list(here.terms) == list(there.terms)
    assert here.parents == there.parents
    for one, term in there.terms.items():
        same = here.terms[one]
        assert (same.name, same.deprecated) == (term.name, term.deprecated)
        assert same.replaced_by == term.replaced_by
        assert [text for _, text in same.synonyms] == [text for _, text in term.synonyms]


@pytest.mark.parametrize("depth", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("anchors", ["systems", "cellxgene"])
def test_any_depth_is_nested_and_keeps_the_coarse_levels(names, depth, anchors):
    found = tree(names.index, levels=depth, anchors=anchors)
    assert found.levels.shape == (203, depth)
    assert nested(found.levels)
    assert (found.summary()["groups"].diff().dropna() > 0).all()
    six = tree(names.index, levels=6, anchors=anchors)
    pd.testing.assert_frame_equal(
        found.levels.iloc[:, : depth - 1], six.levels.iloc[:, : depth - 1]
    )


# ---- names -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("label", "term", "how"),
    [
        ("blood cell", "T:1", "name"),
        ("Blood  CELL", "T:1", "name"),
        ("blood cell, human", "T:1", "name (', human')"),
        ("killer cell", "T:3", "name (', human')"),
        ("killer", "T:4", "EXACT synonym"),
        ("drop", "T:3", "NARROW synonym"),
        ("Circulating cell", "T:1", "EXACT synonym"),
        ('say "white"', "T:2", "EXACT synonym"),
        ("round cell", "T:4", "name of an obsolete term"),
        ("obsolete round cell", None, None),
        ("square cell", None, None),
    ],
)
def test_a_label_is_found_by_name_then_by_scope(toy, label, term, how):
    anchors = toy_anchors((1, "T:1", "Blood"))
    if term is None:
        with pytest.raises(cx.InputError, match="1 of 1 labels are not in the ontology toy/1"):
            tree([label], ontology=toy, anchors=anchors)
        return
    report = tree([label], ontology=toy, anchors=anchors).report.loc[label]
    assert (report["ontology_id"], report["match"]) == (term, how)


def test_an_id_wins_over_the_name_and_the_report_says_so(toy):
    anchors = toy_anchors((1, "T:1", "Blood"))
    found = tree(["bag cell", "white cell"], ["T:2", None], ontology=toy, anchors=anchors)
    assert found.report["ontology_id"].tolist() == ["T:2", "T:2"]
    assert found.report["match"].tolist() == ["id", "name"]
    assert "T:4 (bag cell)" in found.report.loc["bag cell", "alternatives"]


@pytest.mark.parametrize(
    "written", ["T:2", "T_2", "http://example.org/obo/T_2", "T:22", "t:2", " T:2 "]
)
def test_ids_are_read_as_they_are_written(toy, written):
    found = tree(["x"], {"x": written}, ontology=toy, anchors=toy_anchors((1, "T:1", "Blood")))
    assert found.report.loc["x", "ontology_id"] == "T:2"


def test_two_terms_of_one_name_are_told(tmp_path):
    path = tmp_path / "two.obo"
    path.write_text('[Term]\nid: T:1\nname: a\nsynonym: "c" EXACT []\n\n')
    with path.open("a") as file:
        file.write('[Term]\nid: T:0\nname: b\nsynonym: "c" EXACT []\n')
    found = tree(["c"], ontology=path, anchors=toy_anchors((1, "T:1", "A")))
    assert found.report.loc["c", "ontology_id"] == "T:0"
    assert "T:1 (a)" in found.report.loc["c", "alternatives"]


def test_cells_are_counted_and_spread_out_again():
    cells = ["B cell", "T cell", "B cell", "B cell"]
    found = tree(pd.Categorical(cells), levels=3)
    assert found.labels == ["B cell", "T cell"]
    assert found.report["count"].tolist() == [3, 1]
    spread = found.expand(cells)
    assert spread.shape == (4, 3)
    assert spread["level3"].tolist() == cells
    assert spread["level1"].dtype == "category"
    with pytest.raises(cx.InputError, match="no label 'B cel': did you mean 'B cell'"):
        found.expand(["B cel"])


# ---- anchors -----------------------------------------------------------------------------------


def graph(**parents):
    terms = {
        one: Term(one, f"term {one}", edges=tuple(("is_a", up) for up in ups.split()))
        for one, ups in parents.items()
    }
    return Ontology(terms, "drawn")


def test_the_most_specific_anchor_wins_over_a_nearer_one():
    # x is one step below A, two below B; but B is below A
    drawn = graph(A="", m="A", B="m", k="B", x="A k")
    found = tree(
        ["term x"], levels=2, ontology=drawn, anchors=toy_anchors((1, "A", "a"), (1, "B", "b"))
    )
    assert found.levels.loc["term x", "level1"] == "b"
    assert found.report.loc["term x", "alternatives"] == "level 1: a (less specific)"


def test_incomparable_anchors_are_chosen_by_steps_then_by_the_table():
    drawn = graph(A="", B="", C="", k="C", x="A B k")
    order = [(1, "C", "c"), (1, "B", "b"), (1, "A", "a")]
    for rows, winner in ((order, "b"), (order[::-1], "a")):
        found = tree(["term x"], levels=2, ontology=drawn, anchors=toy_anchors(*rows))
        assert found.levels.loc["term x", "level1"] == winner
        assert "farther: 2 steps" in found.report.loc["term x", "alternatives"]


def test_a_fallback_is_asked_last_and_a_lineage_of_another_system_is_left_out():
    drawn = graph(A="", B="", S="", l="B", x="A k l", k="A", y="S", z="")
    anchors = toy_anchors((1, "S", "stem", "true"), (1, "A", "a"), (1, "B", "b"), (2, "l", "lin"))
    found = tree(["term x", "term y", "term z"], levels=3, ontology=drawn, anchors=anchors)
    assert found.levels["level1"].tolist() == ["a", "stem", "Other"]
    assert found.levels["level2"].tolist() == ["a", "stem", "Other"]
    assert "lin (not in a)" in found.report.loc["term x", "alternatives"]
    for parent, group in (("a", "lin"), ("b", "a")):
        declared = toy_anchors((1, "A", "a"), (1, "B", "b"), (2, "l", "lin", "", parent))
        found = tree(["term x"], levels=3, ontology=drawn, anchors=declared)
        assert found.levels.loc["term x"].tolist() == ["a", group, "term x"]


def test_a_fallback_loses_even_where_it_is_nearer_and_more_specific():
    drawn = graph(A="", m="A", S="m", x="S")
    anchors = toy_anchors((1, "S", "stem", "true"), (1, "A", "a"))
    found = tree(["term x"], levels=2, ontology=drawn, anchors=anchors)
    assert found.levels.loc["term x", "level1"] == "a"
    assert found.report.loc["term x", "alternatives"] == "level 1: stem (fall-back)"


def test_a_branch_is_the_most_specific_that_types_share():
    # x and y share the deep branch q, which is below p; w is below p alone
    drawn = graph(A="", p="A", q="p", x="p q", y="p q", w="p")
    labels = ["term x", "term y", "term w"]
    found = tree(labels, levels=4, ontology=drawn, anchors=toy_anchors((1, "A", "a")))
    assert found.levels.loc["term x"].tolist() == ["a", "term p", "term q", "term x"]
    assert found.levels.loc["term w"].tolist() == ["a", "term p", "term w", "term w"]


def test_a_tree_with_two_parents_for_a_group_cannot_be_made():
    fields = tree(["T cell", "neuron"], levels=3).to_dict()
    fields["types"][1]["groups"][1] = "Lymphoid"
    with pytest.raises(cx.InputError, match="'Lymphoid' of level2 lies in Immune and Neural"):
        Tree.from_dict(fields)
    assert not Tree.from_dict(fields | {"method": "nearest-anchor"}).strict


def test_groups_of_one_name_in_two_places_are_told_apart():
    drawn = graph(A="", B="", p="A", q="B", x="p", y="q")
    anchors = toy_anchors((1, "A", "a"), (1, "B", "b"), (2, "p", "same"), (2, "q", "same"))
    found = tree(["term x", "term y"], levels=3, ontology=drawn, anchors=anchors)
    assert found.levels["level2"].tolist() == ["same (a)", "same (b)"]


def test_types_below_a_label_stay_below_it():
    found = tree(["T cell", "CD8-positive, alpha-beta T cell", "B cell", "plasma cell"], levels=5)
    assert found.levels.loc["T cell", "level3"] == "T cell"
    row = found.levels.loc["CD8-positive, alpha-beta T cell"].tolist()
    assert row[2:4] == ["T cell", "CD8-positive, alpha-beta T cell"]


@st.composite
def worlds(draw):
    """A random graph, anchors and labels: terms point to earlier terms."""
    n = draw(st.integers(4, 16))
    ups = [draw(st.sets(st.integers(0, k - 1), max_size=3)) if k else set() for k in range(n)]
    parents = {f"N:{k}": " ".join(f"N:{up}" for up in sorted(up)) for k, up in enumerate(ups)}
    one = st.sampled_from(sorted(parents))
    rows = [
        (level, anchor, draw(st.sampled_from("pqrs")))
        for level in (1, 2)
        for anchor in draw(st.lists(one, min_size=1, max_size=4, unique=True))
    ]
    labels = draw(st.lists(one, min_size=1, max_size=10, unique=True))
    return graph(**parents), toy_anchors(*rows), [f"term {label}" for label in labels]


@given(worlds(), st.integers(2, 6), st.randoms())
def test_any_tree_is_nested_and_does_not_depend_on_the_order_of_labels(world, depth, random):
    drawn, anchors, labels = world
    found = tree(
        [*labels, "alien"], levels=depth, ontology=drawn, anchors=anchors, allow_unknown=True
    )
    assert nested(found.levels)
    assert found.levels.notna().all(axis=None)
    assert (found.levels.iloc[:, -1] == found.levels.index).all()
    shuffled = [*labels, "alien"]
    random.shuffle(shuffled)
    again = tree(shuffled, levels=depth, ontology=drawn, anchors=anchors, allow_unknown=True)
    pd.testing.assert_frame_equal(again.levels.loc[found.labels], found.levels)


@given(worlds())
def test_matrices_agree_with_single_questions(world):
    drawn, anchors, labels = world
    found = tree(labels, ontology=drawn, anchors=anchors)
    above, far = found.ancestor_matrix(), found.distance_matrix()
    np.testing.assert_array_equal(far, far.T)
    assert not np.diag(far).any()
    assert not (above & above.T).any()
    for i, one in enumerate(labels):
        for j, other in enumerate(labels):
            assert above[i, j] == found.is_ancestor(one, other)
            assert far[i, j] == found.distance(one, other)
            left, right = (drawn.ancestors(found.nodes[label]) for label in (one, other))
            over = [left[up] + right[up] for up in left if up in right]
            assert far[i, j] == min(over) if over else far[i, j] >= 2
            if above[i, j]:
                assert found.nodes[one] in found.ancestors(other)
                assert found.lca(one, other) == (found.nodes[one],)


def test_distances_and_common_ancestors_of_known_types():
    found = tree(LUNG)
    assert found.is_ancestor("B cell", "naive B cell")
    assert not found.is_ancestor("naive B cell", "B cell")
    assert not found.is_ancestor("B cell", "B cell")
    terms = load_ontology().terms
    assert [terms[one].name for one in found.lca("T cell", "B cell")] == ["lymphocyte"]
    assert found.distance("T cell", "B cell") < found.distance("T cell", "monocyte")
    assert found.distance("T cell", "monocyte") < found.distance("T cell", "neuron")


def test_a_tree_is_read_back_from_json():
    found = tree([*LUNG, "martian"], allow_unknown=True)
    again = Tree.from_dict(json.loads(json.dumps(found.to_dict())))
    pd.testing.assert_frame_equal(again.levels, found.levels)
    pd.testing.assert_frame_equal(again.report, found.report)
    np.testing.assert_array_equal(again.distance_matrix(), found.distance_matrix())
    assert repr(again) == repr(found)
    with pytest.raises(cx.InputError, match="is no tree"):
        Tree.from_dict({"format": "else"})
    broken = found.to_dict()
    del broken["graph"]["CL:0000084"]
    with pytest.raises(cx.InputError, match="incomplete"):
        Tree.from_dict(broken)


# ---- unknown labels ----------------------------------------------------------------------------


def test_unknown_labels_are_listed_with_near_names_or_put_apart():
    with pytest.raises(cx.InputError) as error:
        tree(["T cell", "B cel", "qqqq"])
    said = str(error.value)
    assert "2 of 3 labels" in said
    assert "'B cel' (nearest: 'B cell'" in said
    assert "'qqqq'" in said
    assert "--allow-unknown" in said
    for where in ("Other", "Doublets"):
        found = tree(["T cell", "B cel"], allow_unknown=True, unknown=where)
        assert found.levels.loc["B cel"].tolist() == [where, where, "B cel", "B cel"]
        assert found.report.loc["B cel", "match"] == "none"
        assert found.lca("T cell", "B cel") == ()
        assert found.distance("T cell", "B cel") > 2


def test_a_label_with_an_id_that_does_not_exist_is_unknown():
    with pytest.raises(cx.InputError, match=r"'T cell' \(id CL:9999999\)"):
        tree(["T cell"], ["CL:9999999"])


@pytest.mark.parametrize(
    ("labels", "options", "said"),
    [
        ([], {}, "there are no labels"),
        ("T cell", {}, "not one string"),
        (["T cell", float("nan"), None], {}, "2 of 3 labels are missing .* position 1"),
        (["T cell", "  "], {}, "1 of 2 labels are missing"),
        (["T cell"] * 2, {"ontology_ids": ["CL:0000084", "CL:0000236"]}, "two ontology ids"),
        (["T cell"], {"ontology_ids": []}, "0 ontology ids for 1 labels"),
        (["T cell"], {"ontology_ids": {"B cell": "CL:0000236"}}, "'B cell', which is no label"),
        (["T cell"], {"levels": 1}, "from 2 to 6, not 1"),
        (["T cell"], {"levels": 7}, "from 2 to 6, not 7"),
        (["T cell"], {"levels": 2.5}, "from 2 to 6"),
        (["T cell"], {"method": "nearest"}, "did you mean 'nearest-anchor'"),
        (["T cell"], {"method": "nearest-anchor", "levels": 3}, "defined for 4 levels"),
        (["T cell"], {"relations": ["part_off"]}, "no relation 'part_off'"),
        (["T cell"], {"anchors": "system"}, "did you mean 'systems'"),
        (["T cell"], {"ontology": "cl-2019"}, "cl-2019 is no file"),
        (["T cell"], {"anchors": toy_anchors((1, "CL:9999999", "X"))}, r"CL:9999999 \(X\)"),
        (["T cell"], {"anchors": toy_anchors((1, "CL:0000473", "X"))}, r"CL:0000473 \(X\)"),
        (["T cell"], {"anchors": toy_anchors((2, "CL:0000084", "X"))}, "must count 1, 2"),
        (["T cell"], {"anchors": toy_anchors((1.5, "CL:0000084", "X"))}, "must count 1, 2"),
        (["T cell"], {"anchors": toy_anchors(*[(1, "CL:0000084", "X")] * 2)}, "twice at level 1"),
        (["T cell"], {"anchors": toy_anchors((1, "CL:0000084", "X", "eh"))}, "true or false"),
        (["T cell"], {"anchors": toy_anchors((1, "CL:0000084", None))}, "no name in row 1"),
        (["T cell"], {"anchors": toy_anchors((1, "CL:0000084", "X", "", "Y"))}, "under 'Y'"),
        (["T cell"], {"anchors": pd.DataFrame({"level": [1]})}, "no column 'ontology_id'"),
    ],
)
def test_bad_input_is_one_clear_sentence(labels, options, said):
    with pytest.raises(cx.InputError, match=said):
        tree(labels, **options)


# ---- files -------------------------------------------------------------------------------------


def written(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    return path


def as_json(**entries):
    base = {"label": "", "deprecated": False, "ancestors": {}}
    return json.dumps({one: base | entry for one, entry in entries.items()}).encode()


def test_containers_and_formats_read_alike(tmp_path):
    plain = as_json(a={"label": "cell"}, b={"label": "x", "ancestors": {"a": 1}, "synonyms": ["y"]})
    for name, content in (
        ("o.json", plain),
        ("o.json.gz", gzip.compress(plain)),
        ("o.json.zst", pa.compress(plain, codec="zstd", asbytes=True)),
        ("anything", plain),
    ):
        found = load_ontology(written(tmp_path, name, content))
        assert found.parents == {"a": (), "b": ("a",)}
        assert found.terms["b"].synonyms == (("", "y"),)


def test_edges_other_than_is_a_count_when_they_are_asked_for(toy):
    read = load_ontology(toy)
    assert read.version == "toy/1"
    assert read.parents["T:3"] == ("T:2",)
    assert read.with_relations(["is_a", "develops_from"]).parents["T:3"] == ("T:2", "T:4")
    assert read.with_relations(["all"]).parents["T:3"] == ("T:2", "T:4")


GOOD = TOY.encode()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", r"no \[Term\]"),
        (b"hello\n", r"no \[Term\]"),
        (b"\x89PNG\xff\xfe\x00", "truncated, damaged or of"),
        (gzip.compress(GOOD)[:-60], "truncated, damaged or of"),
        (b"\x1f\x8b" + b"\x00" * 40, "truncated, damaged or of"),
        (
            pa.compress(GOOD * 40, codec="zstd", asbytes=True)[:-20],
            "truncated, damaged or of",
        ),
        (GOOD[:-5], "ends in the middle of a line"),
        (GOOD + b"[Ter", r"in the middle"),
        (GOOD.replace(b"id: T:3\n", b""), "a .Term. has no id"),
        (GOOD.replace(b"is_a: T:2\n", b"is_a: \n"), "is_a"),
        (GOOD.replace(b"id: T:4", b"id: T:3"), "the term T:3 twice"),
        (GOOD.replace(b"id: T:1\n", b"id: T:9\n"), "parents that it does not hold, such as T:1"),
        (GOOD.replace(b"name: cell", b"name: cell\nis_a: T:3"), "go in a circle .* to T:"),
        (b'{"a": {"label": "cel', "Unterminated string .* line 1"),
        (b'{"a": 3}', "JSON is of another kind"),
        (b"[1, 2]\n", "no .Term."),
        (b"{}", "has no terms"),
        (as_json(a={"ancestors": {"b": 1}}, b={"ancestors": {"a": 1}}), "go in a circle"),
        (as_json(a={"ancestors": {"b": 1}}), "does not hold"),
    ],
)
def test_a_damaged_ontology_is_refused(tmp_path, content, said):
    with pytest.raises(cx.InputError, match=said):
        load_ontology(written(tmp_path, "o.obo", content))


def test_everything_shipped_is_listed_and_attributed():
    table = hierarchy.show()
    assert table["kind"].value_counts().to_dict() == {"anchors": 2, "ontology": 1}
    for name in table.loc[table["kind"] == "anchors", "name"]:
        assert tree(LUNG, anchors=load_anchors(name)).strict
    for name in table.loc[table["kind"] == "ontology", "name"]:
        assert len(load_ontology(name)) > 3000
    folder = cx.hierarchy.__path__[0]
    with open(f"{folder}/data/ATTRIBUTION.txt") as file:  # noqa: PTH123
        said = file.read()
    assert "Attribution 4.0" in said
    assert "cl-2026-03-26.obo.gz" in said


def test_a_table_of_anchors_of_ones_own(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("level,ontology_id,name\n1,CL:0000084,Ts\n1,CL:0000236,Bs\n")
    found = tree(["naive B cell", "T cell", "neuron"], levels=3, anchors=path)
    assert found.levels["level1"].tolist() == ["Bs", "Ts", "Other"]
    assert found.anchors == "mine.csv"


# ---- from the data -----------------------------------------------------------------------------


def test_a_planted_hierarchy_is_found_in_the_data():
    rng = np.random.default_rng(0)
    tops = rng.normal(size=(3, 10)) * 20
    mids = np.repeat(tops, 3, axis=0) + rng.normal(size=(9, 10)) * 5
    leaves = np.repeat(mids, 3, axis=0) + rng.normal(size=(27, 10))
    labels = np.array([f"cluster {k}" for k in range(27)]).repeat(20)
    Z = leaves.repeat(20, axis=0) + rng.normal(size=(540, 10)) * 0.3
    found = hierarchy.tree_from_embedding(Z, labels, 3)
    assert found.summary()["groups"].tolist() == [3, 9, 27]
    for level, size in (("level1", 9), ("level2", 3)):
        groups = found.levels[level].to_numpy().reshape(-1, size)
        assert (groups == groups[:, :1]).all()
    assert nested(found.levels)
    order = rng.permutation(540)
    again = hierarchy.tree_from_embedding(Z[order], labels[order], 3)
    pd.testing.assert_frame_equal(again.levels.loc[found.labels], found.levels)
    uneven = hierarchy.tree_from_embedding([[0], [9], [9.1], [9.2]], list("abcd"), 2)
    assert uneven.levels["level1"].tolist() == ["2", "1", "1", "1"]
    assert found.distance("cluster 0", "cluster 1") < found.distance("cluster 0", "cluster 26")
    with pytest.raises(cx.InputError, match="levels"):
        diff(found, tree(["T cell"]))


@pytest.mark.parametrize(
    ("Z", "labels", "options", "said"),
    [
        (np.eye(4), list("aabb"), {}, "three types at least, but there are 2"),
        (np.eye(4), list("abc"), {}, "4 rows for 3 labels"),
        (np.full((3, 2), np.nan), list("abc"), {}, "NaN"),
        (np.eye(3), ["a", "b", None], {}, "missing"),
        (np.eye(3), list("abc"), {"levels": 7}, "2 to 6"),
        (np.eye(3), list("abc"), {"metric": "cosin"}, "did you mean 'cosine'"),
        (np.diag([1.0, 1, 0]), list("abc"), {"metric": "cosine"}, "a centroid is zero"),
    ],
)
def test_bad_data_are_refused(Z, labels, options, said):
    with pytest.raises(cx.InputError, match=said):
        hierarchy.tree_from_embedding(Z, labels, **options)


# ---- the command -------------------------------------------------------------------------------


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the command as main() does; give its exit code and what it printed."""

    def go(*words):
        monkeypatch.setattr(sys, "argv", ["cellaxes", "structure", "tree", *map(str, words)])
        with pytest.raises(SystemExit) as caught:
            main()
        said = capsys.readouterr()
        return caught.value.code, said.out, said.err

    return go


def test_the_command_writes_tree_report_and_difference(tmp_path, toy, run):
    obs = pd.DataFrame({"kind": ["white cell", "bag cell", "white cell"], "id": ["T:3", "", "T:3"]})
    cells = anndata.AnnData(np.zeros((3, 1)), obs.set_axis(["c0", "c1", "c2"]))
    cells.write_h5ad(tmp_path / "cells.h5ad")
    (tmp_path / "anchors.csv").write_text("level,ontology_id,name\n1,T:1,Blood\n")
    (tmp_path / "old.obo").write_text(TOY.replace("is_a: T:2\n", "is_a: T:0\n"))
    code, said, error = run(
        *(tmp_path / "cells.h5ad", "--labels", "kind", "--ontology-id", "id", "--levels", 2),
        *("--anchors", tmp_path / "anchors.csv", "--ontology", toy),
        *("--diff", tmp_path / "old.obo", "--out", tmp_path / "out"),
    )
    assert code == 0, error
    out = tmp_path / "out"
    levels = pd.read_csv(out / "tree.csv", index_col="label")
    assert levels["level1"].to_dict() == {"white cell": "Blood", "bag cell": "Other"}
    assert Tree.from_dict(json.loads((out / "tree.json").read_text())).labels == list(levels.index)
    assert pd.read_csv(out / "report.csv")["count"].tolist() == [2, 1]
    moved = pd.read_csv(out / "diff.csv", index_col="label")
    assert moved["before"].to_dict() == {"white cell": "Other / white cell"}
    assert "Tree of 2 types" in said


def test_the_command_names_what_is_wrong(tmp_path, run):
    (tmp_path / "labels.txt").write_text("T cell\n\nB cel\n")
    code, _, error = run(tmp_path / "labels.txt", "--out", tmp_path / "out")
    assert code == 2
    assert error.startswith("cellaxes: 1 of 2 labels are not in the ontology")
    assert not (tmp_path / "out").exists()
    code, _, error = run(tmp_path / "labels.txt", "--allow-unknown", "--out", tmp_path / "out")
    assert code == 0, error
    assert "B cel,Other,Other,B cel,B cel" in (tmp_path / "out" / "tree.csv").read_text()
