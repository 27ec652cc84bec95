"""Levels, local DOS and derivatives of tight-binding Hamiltonians."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.neighborlist import neighbor_list
from scipy.linalg import eigh
from scipy.spatial.transform import Rotation
from toy_tight_binding import OVERLAPPING, compound, seeded, silicon_neighbours

from ase_dos.spectra.dos import EnergyGrid
from ase_dos.spectra.kpoints import mesh_points
from ase_dos.tight_binding import HamiltonianForm, TightBindingHamiltonian

HAMILTONIAN = seeded(OVERLAPPING)
GRID = EnergyGrid(-15.0, 0.05, 700)


def levels(atoms, mesh=(1, 1, 1), hamiltonian=HAMILTONIAN):
    return hamiltonian.states(atoms, mesh).eigenvalues[0]


def test_diamond_at_gamma():
    """Four neighbours: E_s +- 4 V_ss, and E_p +- 4/3 (V_pp sigma + 2 V_pp pi) threefold."""
    factor = (1 - (2.5 / 3.0) ** 2) ** 3 * np.exp(2 * 1.11 - 2.5)  # of the form at 2.5 Angstrom
    hamiltonian = silicon_neighbours([-5.0, 2.0], np.array([-1.8, 1.9, 2.8, -0.8]) / factor)
    found = levels(bulk("Si", a=2.5 * 4 / np.sqrt(3)), hamiltonian=hamiltonian)[0]
    split = 4 / 3 * (2.8 - 1.6)
    expected = [-5 - 7.2, *[2 - split] * 3, -5 + 7.2, *[2 + split] * 3]
    np.testing.assert_allclose(found, np.sort(expected), atol=1e-12)


def test_overlapping_diamond_at_gamma():
    """Bonding and antibonding s: (E_s +- 4 V) / (1 +- 4 S), and p alike."""
    factor = (1 - (2.5 / 3.0) ** 2) ** 3 * np.exp(2 * 1.11 - 2.5)
    integrals, overlaps = np.array([-1.8, 1.9, 2.8, -0.8]), np.array([0.08, -0.1, -0.12, 0.05])
    hamiltonian = silicon_neighbours([-5.0, 2.0], integrals / factor, overlaps / factor)
    atoms = bulk("Si", a=2.5 * 4 / np.sqrt(3))
    split, shared = 4 / 3 * (2.8 - 1.6), 4 / 3 * (-0.12 + 0.1)
    expected = [(-5 + sign * 7.2) / (1 - sign * 0.32) for sign in (1, -1)]
    expected += [(2 + sign * split) / (1 + sign * shared) for sign in (1, -1)] * 3
    found = levels(atoms, hamiltonian=hamiltonian)[0]
    np.testing.assert_allclose(found, np.sort(expected), atol=1e-12)
    raised = levels(atoms, hamiltonian=hamiltonian.shifted(1.7))[0]
    np.testing.assert_allclose(raised, found + 1.7, atol=1e-12)


def test_chain_of_s_orbitals():
    """E(k) = E_s + 2 V cos(k a)."""
    form = HamiltonianForm(
        {1: (0,)}, {1: 1}, cutoff=1.5, n_radial=1, n_field=0, integral_degree=0, level_degree=0
    )
    chain = Atoms("H", cell=[1.0, 0, 0], pbc=(True, False, False))
    hopping = -1.3 * (1 - 1 / 1.5**2) ** 3 * np.exp(2 * 0.31 - 1.0)
    path = chain.cell.bandpath("GX", npoints=9, pbc=chain.pbc)
    bands = TightBindingHamiltonian(form, [-2.0, -1.3]).band_structure(chain, path)
    expected = -2.0 + 2 * hopping * np.cos(2 * np.pi * path.kpts[:, 0])
    np.testing.assert_allclose(bands.energies[0, :, 0], expected, atol=1e-12)
    assert bands.reference == pytest.approx(-2.0, abs=0.05)  # half filled


def test_levels_by_plain_sums():
    """All pairs both ways, matrices by their definition in lattice vectors."""
    atoms = compound()
    hamiltonian = silicon_neighbours([-5.0, 2.0], [-4.0, 5.0, 6.0, -2.0], [0.2, -0.25, -0.3, 0.1])
    atoms.numbers[:] = 14
    k = np.array([0.21, -0.4, 0.07])
    matrices = np.diag(np.tile([-5.0, 2, 2, 2], 2)).astype(complex), np.eye(8, dtype=complex)
    values = (-4.0, 5.0, 6.0, -2.0), (0.2, -0.25, -0.3, 0.1)
    for i, j, r, v, cell in zip(*neighbor_list("ijdDS", atoms, 3.0), strict=True):
        factor = (1 - (r / 3.0) ** 2) ** 3 * np.exp(2 * 1.11 - r)
        n = (v / r)[[1, 2, 0]]
        for matrix, (ss, sp, sigma, pi) in zip(matrices, values, strict=True):
            block = np.full((4, 4), ss)
            block[0, 1:], block[1:, 0] = sp * n, -sp * n
            block[1:, 1:] = pi * np.eye(3) + (sigma - pi) * np.outer(n, n)
            matrix[4 * i : 4 * i + 4, 4 * j : 4 * j + 4] += (
                factor * block * np.exp(2j * np.pi * cell @ k)
            )
    path = atoms.cell.bandpath("G", special_points={"G": k}, npoints=1)
    found = hamiltonian.band_structure(atoms, path).energies[0, 0]
    np.testing.assert_allclose(found, eigh(*matrices, eigvals_only=True), atol=1e-10)


def test_supercell_has_the_levels_of_the_mesh():
    atoms = compound()
    weights = mesh_points((2, 2, 1))[1]
    mesh = levels(atoms, (2, 2, 1))
    whole = np.concatenate([np.tile(e, round(4 * w)) for e, w in zip(mesh, weights, strict=True)])
    np.testing.assert_allclose(levels(atoms.repeat((2, 2, 1)))[0], np.sort(whole), atol=1e-10)


def test_levels_do_not_depend_on_orientation_order_or_image():
    atoms = compound().repeat((1, 1, 2))
    expected = levels(atoms, (2, 1, 1))
    turn = Rotation.random(random_state=1).as_matrix()
    turned = Atoms(atoms.numbers, atoms.positions @ turn.T, cell=atoms.cell @ turn.T, pbc=True)
    np.testing.assert_allclose(levels(turned, (2, 1, 1)), expected, atol=1e-10)
    other = atoms[[2, 0, 3, 1]]
    other.positions += 3 * other.cell[0] - other.cell[2]
    np.testing.assert_allclose(levels(other, (2, 1, 1)), expected, atol=1e-10)


def test_far_atoms_do_not_feel_each_other():
    """Levels of two molecules are those of each; an atom alone has its shells."""
    one = Atoms("AlAs", positions=[[0, 0, 0], [0, 0.5, 2.3]])
    other = Atoms("As", positions=[[0, 30.0, 0]])
    apart = np.concatenate([levels(one)[0], levels(other)[0]])
    np.testing.assert_allclose(levels(one + other)[0], np.sort(apart), atol=1e-10)
    assert np.unique(levels(other)[0].round(9)).size == 3


def test_local_dos_sums_to_the_total():
    atoms, mesh = compound(), (3, 2, 2)
    local = HAMILTONIAN.local_dos(atoms, mesh, GRID, 0.3)
    states = HAMILTONIAN.states(atoms, mesh)
    x = (GRID.energies - states.eigenvalues[0, :, :, None]) / 0.3
    gaussians = np.exp(-0.5 * x**2) / (0.3 * np.sqrt(2 * np.pi))
    expected = 2 * np.einsum("kbe,k->e", gaussians, states.weights)
    np.testing.assert_allclose(local.total().values, expected, atol=1e-10)
    # All states of an atom are as many as its orbitals, both spins.
    np.testing.assert_allclose(local.values.sum(axis=1) * GRID.step, [8, 18], rtol=1e-9)
    assert local.total().n_electrons == 8
    coarse = HAMILTONIAN.local_dos(atoms, mesh, EnergyGrid(-15.0, 0.2, 175), 0.3)
    np.testing.assert_allclose(coarse.values, local.values[:, ::4], atol=1e-12)


def test_equal_atoms_have_equal_local_dos():
    atoms = bulk("AlAs", "zincblende", a=5.66, cubic=True)
    values = HAMILTONIAN.local_dos(atoms, (1, 1, 1), GRID, 0.3).values
    for number in (13, 33):
        same = values[atoms.numbers == number]
        np.testing.assert_allclose(same, np.tile(same[0], (4, 1)), atol=1e-9)


@pytest.mark.parametrize("width", [0.0, 0.15])
def test_gradient_and_virial(width):
    """Grand potential at a high temperature; a perfect crystal has degenerate levels."""
    atoms, mesh, kt, mu = compound(1, width).repeat((1, 1, 2)), (2, 1, 1), 0.4, -2.0

    def potential(structure):
        x = (mu - levels(structure, mesh)) / kt
        return -2 * kt * np.sum(mesh_points(mesh)[1][:, None] * np.logaddexp(0, x))

    def filling(energies):
        return 1 / (1 + np.exp((energies - mu) / kt))

    gradient, virial = HAMILTONIAN.differentiate(atoms, mesh, filling)
    np.testing.assert_allclose(gradient.sum(axis=0), 0, atol=1e-10)
    step = 1e-4
    for atom, axis in ((0, 0), (1, 2), (3, 1)):
        ends = []
        for sign in (1, -1):
            moved = atoms.copy()
            moved.positions[atom, axis] += sign * step
            ends.append(potential(moved))
        assert gradient[atom, axis] == pytest.approx((ends[0] - ends[1]) / (2 * step), abs=1e-6)
    for i, j in ((0, 0), (1, 2)):
        ends = []
        for sign in (1, -1):
            strain = np.zeros((3, 3))
            strain[i, j] += sign * step / 2
            strain[j, i] += sign * step / 2
            strained = atoms.copy()
            strained.set_cell(atoms.cell.array @ (np.eye(3) + strain), scale_atoms=True)
            ends.append(potential(strained))
        assert virial[i, j] == pytest.approx((ends[0] - ends[1]) / (2 * step), abs=1e-5)


def test_structures_that_cannot_be_described():
    with pytest.raises(ValueError, match="Si has no parameters in this Hamiltonian of Al, As"):
        levels(bulk("Si"))
    with pytest.raises(ValueError, match="same place"):
        levels(Atoms("Al2", positions=np.zeros((2, 3))))
    with pytest.raises(ValueError, match="1 along the open boundaries"):
        levels(molecule("AlF3")[:1], (2, 1, 1))
    with pytest.raises(ValueError, match=r"mesh: expected integers, got 2\.5"):
        levels(compound(), (2.5, 1, 1))
    close = Atoms("Si2", positions=[[0, 0, 0], [0, 0.3, 1.0]])
    overlapping = silicon_neighbours([-5, 2], [-4, 5, 6, -2], [0.6, -0.25, -0.3, 0.1])
    with pytest.raises(ValueError, match=r"not independent; .* Si 0 and Si 1 are closest .* 1.044"):
        levels(close, hamiltonian=overlapping)
    many = Atoms("Al5000", positions=10.0 * np.arange(15_000).reshape(-1, 3))
    with pytest.raises(ValueError, match="20000 orbitals need 38 GB"):
        levels(many)
    with pytest.raises(ValueError, match="parameters: expected shape"):
        TightBindingHamiltonian(OVERLAPPING, np.zeros(3))
