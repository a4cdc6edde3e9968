"""Compounds: one form, which names are one molecule, fingerprints."""

import importlib.util

import numpy as np
import pandas as pd
import pytest

import cellaxes as cx
from cellaxes import perturbation as p

pytest.importorskip("rdkit")


def frame(**smiles):
    return pd.DataFrame({"SMILES": smiles.values()}, index=smiles.keys())


def test_salts_charges_and_spelling_do_not_make_another_molecule():
    found = p.standardise_compounds(
        frame(
            acid="OC(=O)c1ccccc1O",
            salt="[Na+].[O-]C(=O)c1ccccc1O",
            spelt="c1(O)c(C(O)=O)cccc1",
            base="CCN(CC)CC",
            hydrochloride="CCN(CC)CC.Cl",
            other="CCO",
        )
    )
    assert found.table["canonical"].nunique() == 3
    groups = [set(names) for names in found.duplicates["compounds"]]
    assert {"acid", "salt", "spelt"} in groups
    assert {"base", "hydrochloride"} in groups
    assert len(groups) == 2
    assert found.table.at["salt", "n_fragments"] == 2
    assert found.table.at["salt", "SMILES"] == "[Na+].[O-]C(=O)c1ccccc1O"  # as given
    assert "acid = salt = spelt: one molecule" in repr(found)


def test_keys_are_the_published_ones():
    table = p.standardise_compounds(frame(aspirin="CC(=O)Oc1ccccc1C(O)=O")).table
    assert table.at["aspirin", "inchikey"] == "BSYNRYMUTXBXSQ-UHFFFAOYSA-N"
    assert table.at["aspirin", "connectivity"] == "BSYNRYMUTXBXSQ"
    assert table.at["aspirin", "scaffold"] == "c1ccccc1"


def test_stereoisomers_are_reported_as_such():
    found = p.standardise_compounds(frame(left="C[C@H](N)C(=O)O", right="C[C@@H](N)C(=O)O"))
    assert found.duplicates["same"].tolist() == ["connectivity"]
    assert found.table["inchikey"].nunique() == 2


def test_all_smiles_that_do_not_parse_are_named_with_row_and_string():
    broken = frame(good="CCO", open="C1CC", none=None, empty=" ", odd="xyz", ring="c1ccccc1")
    with pytest.raises(cx.InputError) as error:
        p.standardise_compounds(broken)
    said = str(error.value)
    assert "2 SMILES do not parse" in said
    assert "1 (open): 'C1CC'" in said
    assert "4 (odd): 'xyz'" in said
    kept = p.standardise_compounds(broken.drop(["open", "odd"]))
    assert kept.table["inchikey"].isna().tolist() == [False, True, True, False]
    assert kept.duplicates.empty  # two that are not known are not one


def test_a_table_is_read_under_its_usual_names(tmp_path):
    given = pd.DataFrame(
        {"sm_name": ["a", "b"], "smiles": ["CCO", "CCN"], "moa_lincs": ["x", None]}
    )
    given.to_csv(tmp_path / "c.csv", index=False)
    table = p.read_compounds(tmp_path / "c.csv").table
    assert table.index.tolist() == ["a", "b"]
    assert table.loc["a", ["SMILES", "canonical", "moa"]].tolist() == ["CCO", "CCO", "x"]
    again = p.read_compounds(table).table
    pd.testing.assert_frame_equal(again, table)
    named = p.read_compounds(
        given.set_axis(["n", "s", "m"], axis=1), compound="n", smiles="s", moa="m"
    )
    pd.testing.assert_frame_equal(named.table, table)


def test_bad_tables_of_compounds_are_refused():
    with pytest.raises(cx.InputError, match="'a' stands more than once"):
        p.standardise_compounds(pd.DataFrame({"SMILES": ["C", "N"]}, index=["a", "a"]))
    with pytest.raises(cx.InputError, match=r"no column of SMILES \(smiles=\)"):
        p.read_compounds(pd.DataFrame({"compound": ["a"]}))
    with pytest.raises(cx.InputError, match="did you mean 'smile'"):
        p.read_compounds(pd.DataFrame({"compound": ["a"], "smile": "C"}), smiles="smiles")
    with pytest.raises(cx.InputError, match="no name in 1 rows"):
        p.read_compounds(pd.DataFrame({"compound": ["a", None], "SMILES": ["C", "N"]}))


def test_fingerprints_have_the_published_sizes_and_are_made_once_for_each_smiles(monkeypatch):
    smiles = ["CC(=O)Oc1ccccc1C(O)=O", "CCO", "CC(=O)Oc1ccccc1C(O)=O"] * 50
    bits = p.fingerprints(smiles)
    assert (bits.shape, bits.dtype) == ((150, 2048), np.uint8)
    assert set(np.unique(bits)) == {0, 1}
    np.testing.assert_array_equal(bits[0], bits[2])
    assert bits[0].sum() == 24  # aspirin, radius 2
    assert p.fingerprints(smiles, radius=0, n_bits=64).shape == (150, 64)
    keys = p.fingerprints(smiles, kind="maccs")
    assert keys.shape == (150, 167)
    assert keys[0].sum() == 21
    numbers = p.fingerprints(smiles[:3], kind="descriptors")
    assert numbers.dtype == np.float64
    assert numbers[0].max() > 180.04
    from rdkit.Chem import rdFingerprintGenerator

    made = []
    real = rdFingerprintGenerator.GetMorganGenerator

    def counting(**settings):
        generator = real(**settings)

        class Counted:
            def GetFingerprintAsNumPy(self, molecule):
                made.append(molecule)
                return generator.GetFingerprintAsNumPy(molecule)

        return Counted()

    monkeypatch.setattr(rdFingerprintGenerator, "GetMorganGenerator", counting)
    np.testing.assert_array_equal(p.fingerprints(smiles), bits)
    assert len(made) == 2


def test_a_salt_has_the_fingerprint_of_its_largest_part():
    np.testing.assert_array_equal(
        p.fingerprints(["CCN(CC)CCO.OC(=O)C"]), p.fingerprints(["CCN(CC)CCO"])
    )


def test_fingerprints_name_what_is_missing_or_broken_by_position():
    with pytest.raises(cx.InputError, match=r"2 of 4 SMILES are missing \(at 1, 3\)"):
        p.fingerprints(["C", None, "C", float("nan")])
    with pytest.raises(cx.InputError, match="3: 'C1CC'"):
        p.fingerprints(["CCO", "CCO", "CCN", "C1CC"])
    with pytest.raises(cx.InputError, match="kind must be"):
        p.fingerprints(["C"], kind="morgan")


def test_without_rdkit_the_extra_is_named(monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "rdkit" else real(name, *a)
    )
    with pytest.raises(cx.InputError, match=r"pip install 'cellaxes\[chem\]'"):
        p.fingerprints(["CCO"])
    with pytest.raises(cx.InputError, match=r"Canonical SMILES need rdkit"):
        p.standardise_compounds(frame(a="CCO"))


def test_same_mechanism_compounds_of_the_competition_are_alike(shared):
    folder = shared / "perturbation" / "kaggle_op2023"
    found = p.read_compounds(folder / "compounds_147.csv")
    assert len(found.table) == 147
    assert found.table["inchikey"].notna().all()
    assert found.duplicates.empty
    bits = p.fingerprints(found.table["SMILES"]).astype(float)
    both = bits @ bits.T
    tanimoto = both / (bits.sum(1)[:, None] + bits.sum(1) - both)
    np.fill_diagonal(tanimoto, 0)
    names = found.table.index
    pair = tanimoto[names.get_loc("Masitinib"), names.get_loc("Imatinib")]
    assert pair == pytest.approx(0.747, abs=0.001)  # as published for ECFP4
    assert np.median(tanimoto.max(axis=1)) == pytest.approx(0.26, abs=0.01)
