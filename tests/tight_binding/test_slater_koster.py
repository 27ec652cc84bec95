"""Slater-Koster blocks against the published table, rotations and finite differences."""

import numpy as np
import pytest
from ase.build import molecule
from scipy.spatial.transform import Rotation

from ase_dos.kernels.harmonics import harmonics_of
from ase_dos.tight_binding.slater_koster import Integral, SlaterKosterBlocks

SPD = SlaterKosterBlocks((0, 1, 2), (0, 1, 2))
NAMES = [SPD.name(integral) for integral in SPD.integrals]
ORBITALS = ["s", "y", "z", "x", "xy", "yz", "zz", "xz", "x2-y2"]


def block(vector, values):
    """Block along a vector with some integrals by name; those of swapped shells follow."""
    given = dict(values)
    for name, value in values.items():
        swapped = name[1::-1] + name[2:]
        given[swapped] = value * (-1) ** sum("spd".index(shell) for shell in name[:2])
    integrals = np.array([[given.get(name, 0.0) for name in NAMES]])
    direction = np.array([vector]) / np.linalg.norm(vector)
    return SPD.blocks(integrals, SPD.angular(direction))[0]


def element(matrix, first, second):
    return matrix[ORBITALS.index(first), ORBITALS.index(second)]


def test_elements_of_the_published_table():
    """Slater and Koster, Phys. Rev. 94, 1498, Table I; n is the direction of the second atom."""
    x, y, z = n = np.array([0.36, -0.48, 0.8])
    values = {"ss sigma": -1.1, "sp sigma": 1.3, "pp sigma": 2.1, "pp pi": -0.7}
    values |= {"sd sigma": 0.4, "pd sigma": -1.6, "pd pi": 0.9}
    values |= {"dd sigma": -2.2, "dd pi": 1.7, "dd delta": 0.3}
    h = block(n, values)
    assert element(h, "s", "s") == pytest.approx(-1.1)
    assert element(h, "s", "x") == pytest.approx(x * 1.3)
    assert element(h, "x", "s") == pytest.approx(-x * 1.3)
    assert element(h, "x", "x") == pytest.approx(x * x * 2.1 + (1 - x * x) * -0.7)
    assert element(h, "x", "y") == pytest.approx(x * y * (2.1 + 0.7))
    assert element(h, "s", "xy") == pytest.approx(np.sqrt(3) * x * y * 0.4)
    assert element(h, "s", "zz") == pytest.approx((z * z - (x * x + y * y) / 2) * 0.4)
    assert element(h, "x", "xy") == pytest.approx(
        np.sqrt(3) * x * x * y * -1.6 + y * (1 - 2 * x * x) * 0.9
    )
    assert element(h, "xy", "x") == pytest.approx(-element(h, "x", "xy"))
    assert element(h, "xy", "xy") == pytest.approx(
        3 * x * x * y * y * -2.2
        + (x * x + y * y - 4 * x * x * y * y) * 1.7
        + (z * z + x * x * y * y) * 0.3
    )


def test_integrals_of_all_shells_have_their_names():
    assert NAMES[:3] == ["ss sigma", "sp sigma", "sd sigma"]
    assert {"dd delta", "pd pi", "dp pi"} < set(NAMES)
    assert len(NAMES) == 14
    assert SlaterKosterBlocks((3,), (3,)).name(Integral(0, 0, 3)) == "ff phi"


def test_blocks_turn_with_the_direction():
    """T(Q n) = D(Q) T(n) D(Q)^T, D found from harmonics of random points."""
    rng = np.random.default_rng(5)
    points = rng.normal(size=(60, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    turn = Rotation.random(random_state=3).as_matrix()
    before, after = harmonics_of(points, 2), harmonics_of(points @ turn.T, 2)
    matrix = np.linalg.lstsq(before, after, rcond=None)[0].T
    direction = points[:1]
    values = rng.normal(size=(1, len(NAMES)))
    one = SPD.blocks(values, SPD.angular(direction))[0]
    turned = SPD.blocks(values, SPD.angular(direction @ turn.T))[0]
    np.testing.assert_allclose(turned, matrix @ one @ matrix.T, atol=1e-12)


def test_derivatives_by_the_vector():
    rng = np.random.default_rng(6)
    vectors = molecule("CH4").positions[1:] + 0.1
    values, densities = rng.normal(size=(4, len(NAMES))), rng.normal(size=(4, 9, 9))

    def energies(at):
        angular = SPD.angular(at / np.linalg.norm(at, axis=1, keepdims=True))
        return np.sum(SPD.blocks(values, angular) * densities, axis=(1, 2))

    found = SPD.by_vectors(values, densities, vectors)
    for axis, step in enumerate(1e-5 * np.eye(3)):
        expected = (energies(vectors + step) - energies(vectors - step)) / 2e-5
        np.testing.assert_allclose(found[:, axis], expected, atol=1e-8)
    # An integral times its angular factors is what the block holds of it.
    angular = SPD.angular(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    by_integrals = SPD.by_integrals(densities, angular)
    np.testing.assert_allclose(np.sum(by_integrals * values, axis=1), energies(vectors))
