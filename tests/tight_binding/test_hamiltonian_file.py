"""Files of Hamiltonians, and the one of silicon."""

from pathlib import Path

import numpy as np
import pytest
from toy_tight_binding import OVERLAPPING, seeded

from ase_dos.tight_binding import (
    level_errors,
    load_hamiltonian,
    load_levels,
    save_hamiltonian,
)

SILICON = Path(__file__).parents[2] / "data/silicon"


def test_a_file_holds_form_and_parameters(tmp_path):
    hamiltonian = seeded(OVERLAPPING)
    save_hamiltonian(tmp_path / "h.json", hamiltonian, {"levels": "none"})
    stored = load_hamiltonian(tmp_path / "h.json")
    assert stored.form == hamiltonian.form
    np.testing.assert_array_equal(stored.parameters, hamiltonian.parameters)


def test_files_that_are_none(tmp_path):
    path = tmp_path / "h.json"
    with pytest.raises(ValueError, match=r"h\.json: not a readable file of a Hamiltonian"):
        load_hamiltonian(path)
    for text in ("{", "[]", '{"format": 1}'):
        path.write_text(text)
        with pytest.raises(ValueError, match="not a readable file of a Hamiltonian"):
            load_hamiltonian(path)
    path.write_text('{"format": 9}')
    with pytest.raises(ValueError, match="format 9, this release reads 1"):
        load_hamiltonian(path)


def test_silicon_outside_the_training_set():
    """A crystal, a liquid and the closest pair of all: 0.112 eV at most when it was fitted."""
    known = load_levels(SILICON / "levels.npz")
    others = [known[name] for name in ("beta_tin_09", "liquid_17", "diamond8_01")]
    hamiltonian = load_hamiltonian(SILICON / "hamiltonian.json")
    assert level_errors(hamiltonian, others, top=7.0, width=1.0).max() < 0.12
