"""Sparse covariant kernel: outputs that turn with the molecule, and are as many as are needed."""

import numpy as np
import pytest
from density_toys import BASIS, toy_density, toy_waters

from ase_dos.density.covariant_kernel import CovariantKernel
from ase_dos.descriptors.equivariant_points import EquivariantPoints
from ase_dos.descriptors.lambda_soap import LambdaSOAP

DESCRIPTOR = LambdaSOAP(3.0, 3, 2, 0.5, ("H", "O"), max_lambda=2)
FRAMES = toy_waters(12)


def fit(frames, n_points, max_candidates=1000):
    """Kernel, variances of its outputs, and its outputs for the frames."""
    surroundings = EquivariantPoints.join([DESCRIPTOR.points(atoms) for atoms in frames])
    frame_of = np.repeat(np.arange(len(frames)), [len(atoms) for atoms in frames])
    kernel, variances = CovariantKernel.fit(
        DESCRIPTOR, 2, BASIS, surroundings, frame_of, n_points, max_candidates
    )
    return kernel, variances, kernel.outputs(surroundings)


@pytest.fixture(scope="module")
def fitted():
    return fit(FRAMES, 6)


def test_outputs_of_several_frames_are_those_of_each(fitted):
    kernel, _, outputs = fitted
    assert sorted(outputs) == [(1, 0), (1, 1), (8, 0), (8, 1), (8, 2)]
    again = [kernel.outputs(DESCRIPTOR.points(atoms)) for atoms in FRAMES]
    for key, values in outputs.items():
        species, ell = key
        assert values.shape[:2] == ((12 if species == 8 else 24), 2 * ell + 1)
        np.testing.assert_allclose(np.concatenate([one[key] for one in again]), values, atol=1e-9)


def test_outputs_are_uncorrelated_over_the_training_set_and_sorted_by_variance(fitted):
    kernel, variances, outputs = fitted
    for key, values in outputs.items():
        rows = values.reshape(-1, values.shape[-1])
        moments = rows.T @ rows
        np.testing.assert_allclose(moments, np.diag(variances[key]), atol=1e-9 * moments.max())
        assert (np.diff(variances[key]) <= 0).all()
    first = kernel.first_outputs({key: 1 for key in outputs})
    for key, values in first.outputs(DESCRIPTOR.points(FRAMES[0])).items():
        count = len(values)
        np.testing.assert_allclose(values, outputs[key][:count, :, :1], atol=1e-9)


def test_products_of_outputs_are_the_kernel_where_all_points_are_kept():
    # as many points as atoms: the outputs span the whole function space of the training set
    kernel, _, outputs = fit(FRAMES[:3], 100)
    oxygens = [DESCRIPTOR.points(atoms, np.flatnonzero(atoms.numbers == 8)) for atoms in FRAMES[:3]]
    kernels = kernel.kernels(oxygens[0], oxygens[1])
    units = [kernel.kernels(one, one) for one in oxygens]
    for ell in range(3):
        product = np.einsum("amr,bnr->ambn", outputs[8, ell][:1], outputs[8, ell][1:2])
        unit = np.mean([np.trace(one[ell][0, :, 0]) for one in units]) / (2 * ell + 1)
        np.testing.assert_allclose(product, kernels[ell] / unit, atol=1e-3)


def test_outputs_turn_with_the_molecule_as_a_covariant_density_does(fitted):
    kernel = fitted[0]
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
        fit(lone, 6)


def test_thinned_candidates(fitted):
    few = fit(FRAMES, 50, max_candidates=5)[0]
    assert (few.points.species == 1).sum() <= 5
    assert (few.points.species == 8).sum() <= 5
    assert (fitted[0].points.species == 8).sum() == 6


def test_toy_densities_turn_with_the_molecule():
    atoms = FRAMES[0]
    turned = atoms.copy()
    turned.rotate(90, "z")
    x, y, z = toy_density(atoms).dipole()
    np.testing.assert_allclose(toy_density(turned).dipole(), (-y, x, z), atol=1e-12)
