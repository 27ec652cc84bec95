"""Sparse covariant kernel: outputs that turn with the molecule, and are as many as are needed."""

import numpy as np
import pytest
from density_toys import BASIS, toy_density, toy_waters

from ase_dos.density.covariant_kernel import CovariantKernel
from ase_dos.descriptors.lambda_soap import LambdaSOAP

DESCRIPTOR = LambdaSOAP(3.0, 3, 2, 0.5, ("H", "O"), max_lambda=2)
FRAMES = toy_waters(12)


@pytest.fixture(scope="module")
def fitted():
    return CovariantKernel.fit(DESCRIPTOR, 2, BASIS, FRAMES, 6, 1e-6, 1000)


def test_outputs_of_the_training_set_are_those_of_the_kernel(fitted):
    kernel, outputs = fitted
    for atoms, known in zip(FRAMES[:2], outputs, strict=False):
        again = kernel.outputs(DESCRIPTOR.points(atoms))
        assert sorted(again) == [(1, 0), (1, 1), (8, 0), (8, 1), (8, 2)]
        for key, values in known.items():
            species, ell = key
            assert values.shape[:2] == ((atoms.numbers == species).sum(), 2 * ell + 1)
            np.testing.assert_allclose(again[key], values, atol=1e-9)


def test_products_of_outputs_are_the_kernel_where_all_points_are_kept():
    # as many points as atoms: the outputs span the whole function space of the training set
    kernel, outputs = CovariantKernel.fit(DESCRIPTOR, 2, BASIS, FRAMES[:3], 100, 1e-6, 1000)
    oxygens = [DESCRIPTOR.points(atoms, np.flatnonzero(atoms.numbers == 8)) for atoms in FRAMES[:3]]
    kernels = kernel.kernels(oxygens[0], oxygens[1])
    units = [kernel.kernels(one, one) for one in oxygens]
    for ell in range(3):
        product = np.einsum("amr,bnr->ambn", outputs[0][8, ell], outputs[1][8, ell])
        unit = np.mean([np.trace(one[ell][0, :, 0]) for one in units]) / (2 * ell + 1)
        np.testing.assert_allclose(product, kernels[ell] / unit, atol=1e-3)


def test_outputs_turn_with_the_molecule_as_a_covariant_density_does(fitted):
    kernel, _ = fitted
    # invariants of outputs: the Gram matrix over m of one and the same molecule, turned
    atoms = FRAMES[0]
    turned = atoms.copy()
    turned.rotate(77.0, (1, 2, -1), center="COM")
    turned.positions *= -1.0  # and inverted
    for key, values in kernel.outputs(DESCRIPTOR.points(atoms)).items():
        others = kernel.outputs(DESCRIPTOR.points(turned))[key]
        np.testing.assert_allclose(
            np.einsum("amr,ams->ars", values, values),
            np.einsum("amr,ams->ars", others, others),
            atol=1e-9,
        )


def test_a_species_without_atoms_is_named():
    lone = [atoms[[1, 2]] for atoms in FRAMES]
    with pytest.raises(ValueError, match="no O in any structure"):
        CovariantKernel.fit(DESCRIPTOR, 2, BASIS, lone, 6, 1e-6, 1000)


def test_thinned_candidates(fitted):
    few, _ = CovariantKernel.fit(DESCRIPTOR, 2, BASIS, FRAMES, 50, 1e-6, 5)
    assert (few.points.species == 1).sum() <= 5
    assert (few.points.species == 8).sum() <= 5
    assert (fitted[0].points.species == 8).sum() == 6


def test_toy_densities_turn_with_the_molecule():
    atoms = FRAMES[0]
    turned = atoms.copy()
    turned.rotate(90, "z")
    x, y, z = toy_density(atoms).dipole()
    np.testing.assert_allclose(toy_density(turned).dipole(), (-y, x, z), atol=1e-12)
