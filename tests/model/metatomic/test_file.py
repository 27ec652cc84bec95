"""Files that are no model of the DOS, and structures that a model does not know."""

import sys

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from toy_metatomic import CONVENTION, write_toy

from ase_dos.model import load_metatomic
from ase_dos.model.metatomic.file import MetatomicFile


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (
            {"outputs": ("mtt::gap",)},
            "no output 'mtt::dos'; it has mtt::gap; in Python, give the name",
        ),
        ({"unit": "1/hartree"}, "mtt::dos is in '1/hartree'; expected a DOS in 1/eV"),
        ({"sample_kind": "atom_pair"}, "one of every atom_pair; expected one of every atom, or"),
    ],
)
def test_files_without_a_dos_of_atoms_are_refused(tmp_path, how, message):
    path = write_toy(tmp_path / "model.pt", **how)
    with pytest.raises(ValueError, match=message):
        load_metatomic(path, **CONVENTION)


def test_files_that_are_no_model_are_refused(tmp_path):
    path = tmp_path / "model.pt"
    with pytest.raises(ValueError, match="no such model file"):
        load_metatomic(path)
    path.write_bytes(b"not a model")
    with pytest.raises(ValueError, match="not a readable metatomic model"):
        load_metatomic(path)


def test_missing_library_is_named(toy_file, monkeypatch):
    monkeypatch.setitem(sys.modules, "metatomic.torch", None)
    with pytest.raises(ImportError, match=r"pip install 'ase_dos\[metatomic\]'"):
        load_metatomic(toy_file)


def test_model_without_a_range_takes_no_blocks(tmp_path):
    path = write_toy(tmp_path / "model.pt", reach=float("inf"))
    assert load_metatomic(path, **CONVENTION).cutoff == np.inf
    with pytest.raises(ValueError, match="depends on atoms at any distance"):
        load_metatomic(path, **CONVENTION, block_size=10)


def test_lengths_of_the_file_may_be_in_bohr(tmp_path):
    """The toy looks 5 units far: other pairs, and a range that is told in Angstrom."""
    file = MetatomicFile(write_toy(tmp_path / "model.pt", length_unit="bohr"), "mtt::dos")
    assert file.cutoff == pytest.approx(5.0 * 0.529177, rel=1e-5)
    values = file.values(Atoms("Si2", [[0, 0, 0], [2.5, 0, 0]]), np.arange(2))
    tilt = values[0] / (1.2 / (1.0 + np.exp(-(np.linspace(-10.0, 14.9, 250) + 6.0) / 0.5)))
    strength = np.exp(-((2.5 / 0.529177) ** 2) / 2.0)
    assert tilt[-1] - 1.0 == pytest.approx(0.1 * strength * np.tanh(14.9 / 4), rel=1e-4)


@pytest.mark.parametrize(
    ("atoms", "message"),
    [
        (Atoms("SiGe", [[0, 0, 0], [2, 0, 0]]), "Ge"),
        (Atoms("C"), "C"),  # the model knows it, but its valence is not given
        (Atoms(), "the frame is empty"),
        (Atoms("Si", [[np.nan, 0, 0]]), "positions"),
        (Atoms("Si2", [[0, 0, 0], [0, 0, 0]]), "atoms 0 and 1 are at the same place"),
        (Atoms("Si", pbc=True), "span no volume"),
    ],
)
def test_bad_structures_are_named(toy_file, atoms, message):
    model = load_metatomic(toy_file, valence={"Si": 4})
    assert model.species == (14,)
    with pytest.raises(ValueError, match=message):
        model.predict(atoms)


def test_groups_and_weights_are_checked(toy_file):
    model = load_metatomic(toy_file)
    atoms = bulk("Si")
    with pytest.raises(ValueError, match="weights"):
        model.differentiate(atoms, np.ones(3))
    with pytest.raises(ValueError, match="groups: expected one of 0 to 0"):
        model.differentiate(atoms, np.ones(250), np.array([0, 1]))
