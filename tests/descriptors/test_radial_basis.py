"""Optimal radial basis: principal components of the density coefficients, naively and by limits."""

from dataclasses import replace

import numpy as np
import pytest
import reference_soap as reference
from ase import Atoms
from ase.build import bulk, molecule
from toy_model import toy_frames

from ase_dos.descriptors.radial_basis import optimal_radial_basis
from ase_dos.descriptors.soap import SOAP


def silica(seed):
    atoms = molecule("SiH4")
    atoms.numbers[1:3] = 8
    atoms.rattle(0.3, seed=seed)
    return atoms


SILICA = SOAP(cutoff=3.5, max_radial=5, max_angular=3, species=("H", "O", "Si"))


def covariance(soap, frames):
    """Sum over atoms and m of c_nlm c_n'lm, (species, l_max + 1, n, n)."""
    out = 0.0
    for atoms in frames:
        c, degree = reference.coefficients(soap, atoms)
        of_l = [c[..., degree == ell] for ell in range(soap.max_angular + 1)]
        out = out + np.array([np.einsum("isnm,iskm->snk", x, x) for x in of_l])
    return out.swapaxes(0, 1)


def test_functions_are_the_principal_components_of_the_coefficients():
    frames = [silica(seed) for seed in range(3)]
    functions = np.array(optimal_radial_basis(SILICA, frames, 2).contraction)
    _, vectors = np.linalg.eigh(covariance(SILICA, frames))
    expected = vectors[..., :-3:-1].swapaxes(-1, -2)
    overlap = np.abs(functions @ expected.swapaxes(-1, -2))
    np.testing.assert_allclose(overlap, np.tile(np.eye(2), (3, 4, 1, 1)), atol=1e-7)


def test_contracted_coefficients_are_uncorrelated_and_ordered():
    frames = [silica(seed) for seed in range(3)]
    found = covariance(optimal_radial_basis(SILICA, frames, 5), frames)
    scale = found.max(axis=(-1, -2))
    variances = np.diagonal(found, axis1=-2, axis2=-1)
    rest = found - variances[..., None] * np.eye(5)
    assert (np.abs(rest).max(axis=(-1, -2)) <= 1e-9 * scale).all()
    assert (np.diff(variances) <= 1e-9 * scale[..., None]).all()


def test_no_other_functions_lose_less():
    """What is lost of the norm, against leaving primitive functions out and random choices."""
    frames = [silica(seed) for seed in range(3)]
    rng = np.random.default_rng(0)
    best = optimal_radial_basis(SILICA, frames, 2)
    others = [np.linalg.qr(rng.normal(size=(3, 4, 5, 2)))[0].swapaxes(-1, -2) for _ in range(20)]
    others.append(np.tile(np.eye(5)[:2], (3, 4, 1, 1)))
    largest = np.trace(covariance(best, frames), axis1=-2, axis2=-1)
    for other in others:
        less = np.trace(covariance(replace(best, contraction=other), frames), axis1=-2, axis2=-1)
        assert (less <= largest).all()


def test_half_of_the_functions_hold_nearly_all_of_the_norm():
    frames = toy_frames(6)
    soap = SOAP(max_radial=8, max_angular=6)
    small = optimal_radial_basis(soap, frames, 4)
    fresh = toy_frames(1, seed=77)[0]
    whole, part = soap.compute(fresh), small.compute(fresh)
    assert small.n_features < 0.3 * soap.n_features
    gram = whole @ whole.T
    assert np.abs(part @ part.T - gram).max() < 0.02 * gram.max()


def test_same_environments_give_the_same_functions():
    frames = toy_frames(3)
    turned = [atoms.copy() for atoms in frames[::-1]]
    for atoms in turned:
        atoms.rotate(41.0, (1, 2, 3), rotate_cell=True)
    soap = SOAP(cutoff=4.5, max_radial=5, max_angular=3, width=0.5)
    one, two = (np.array(optimal_radial_basis(soap, f, 3).contraction) for f in (frames, turned))
    np.testing.assert_allclose(one, two, atol=1e-7)


def test_backend_does_not_matter():
    pytest.importorskip("featomic")
    frames = [silica(seed) for seed in range(2)]
    one = optimal_radial_basis(SILICA, frames, 2)
    two = optimal_radial_basis(replace(SILICA, backend="featomic"), frames, 2)
    np.testing.assert_allclose(one.contraction, two.contraction, atol=1e-6)


def test_perfect_crystal_without_some_l_is_no_trouble():
    """Diamond has no density of l = 1 or 2 around an atom, so any functions will do there."""
    small = optimal_radial_basis(SOAP(), [bulk("Si")], 3)
    functions = np.array(small.contraction)
    expected = np.tile(np.eye(3), (1, 7, 1, 1))
    np.testing.assert_allclose(functions @ functions.swapaxes(-1, -2), expected, atol=1e-12)


@pytest.mark.parametrize("n", [0, 6, -1, 2.0, True])
def test_number_of_functions_out_of_range(n):
    with pytest.raises(ValueError, match=f"an integer from 1 to 5, .* got {n}"):
        optimal_radial_basis(SILICA, [silica(0)], n)


def test_what_cannot_be_contracted():
    once = optimal_radial_basis(SILICA, [silica(0)], 3)
    with pytest.raises(ValueError, match="contracted to 3 already"):
        optimal_radial_basis(once, [silica(0)], 2)
    with pytest.raises(ValueError, match=r"no structure holds O \(8\)"):
        optimal_radial_basis(SILICA, [Atoms("SiH", [[0, 0, 0], [1.5, 0, 0]])], 2)
