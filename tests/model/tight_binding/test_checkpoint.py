"""Densities of states that a training keeps on disk."""

import numpy as np
import pytest
from toy_silicon import TRUTH, silicon

from ase_dos.model import HamiltonianModel
from ase_dos.model.tight_binding.checkpoint import densities_of_states
from ase_dos.spectra.dos import EnergyGrid

FRAMES = [silicon(seed) for seed in range(3)]
GRID = EnergyGrid(-12.0, 0.1, 200)


class Stopped(HamiltonianModel):
    """A model that is stopped where a DOS is not known yet."""

    def dos(self, atoms):
        raise KeyboardInterrupt


def test_what_is_known_is_not_computed_again(tmp_path):
    base, path = HamiltonianModel(TRUTH, GRID, noise=0.2), tmp_path / "densities.npz"
    first = densities_of_states(base, FRAMES[:2], path)
    np.testing.assert_array_equal(first, [base.dos(atoms) for atoms in FRAMES[:2]])
    stopped = Stopped(TRUTH, GRID, noise=0.2)
    np.testing.assert_array_equal(densities_of_states(stopped, FRAMES[:2], path), first)
    with pytest.raises(KeyboardInterrupt):
        densities_of_states(stopped, FRAMES, path)


def test_densities_of_another_hamiltonian_are_others(tmp_path):
    path = tmp_path / "densities.npz"
    one, other = (
        densities_of_states(HamiltonianModel(hamiltonian, GRID, noise=0.2), FRAMES[:1], path)
        for hamiltonian in (TRUTH, TRUTH.shifted(1.0))
    )
    np.testing.assert_allclose(other[0, 10:], one[0, :-10], atol=1e-6)  # ten steps are 1 eV
