"""Regression of coefficients in a metric: normal equations, what is left out, uncertainty."""

import numpy as np
import pytest
from density_toys import BASIS, toy_molecules
from scipy.sparse.linalg import LinearOperator, cg

from ase_dos.density.design import DesignMatrix
from ase_dos.density.metric import ElectronNumber
from ase_dos.density.regression import DensityRegression

MOLECULES, LAYOUT = toy_molecules(8, seed=3)
STRENGTH = 1e-2


def regression(molecules=MOLECULES):
    return DensityRegression.of(molecules, LAYOUT.size, STRENGTH)


def dense(one):
    return one.design @ np.eye(LAYOUT.size)


def loss(weights, strength, molecules=MOLECULES):
    errors = [one.target - dense(one) @ weights for one in molecules]
    squares = [e @ one.metric @ e for e, one in zip(errors, molecules, strict=True)]
    return sum(squares) + strength * weights @ weights


def test_the_design_matrix_is_linear_and_its_transpose_is_its_own():
    one = MOLECULES[0]
    rng = np.random.default_rng(0)
    values = rng.normal(size=(one.design.size, 3))
    np.testing.assert_allclose(
        one.design.transposed_times(values), dense(one).T @ values, atol=1e-12
    )
    np.testing.assert_allclose(
        one.design.times_from_left(one.metric), one.metric @ dense(one), atol=1e-12
    )
    joined = DesignMatrix.joined([one.design, MOLECULES[1].design])
    both = joined @ np.eye(LAYOUT.size)
    np.testing.assert_array_equal(both, np.concatenate([dense(one), dense(MOLECULES[1])]))
    gram = np.zeros((LAYOUT.size, LAYOUT.size))
    joined.add_gram(both, gram)
    np.testing.assert_allclose(np.tril(gram), np.tril(both.T @ both), atol=1e-12)


def test_every_shell_has_weights_of_its_own_and_atoms_of_a_species_share_them():
    one = MOLECULES[0]
    weights = np.zeros((LAYOUT.size, 1))
    block = LAYOUT.blocks[0]
    weights[block.start : block.start + block.n_outputs] = 1.0
    changed = np.flatnonzero((one.design @ weights)[:, 0])
    layout = BASIS.layout([8, 1, 1])
    assert changed.tolist() == layout.start[[4, 6]].tolist()  # first shell of both hydrogens


def test_weights_minimise_the_loss():
    fit = regression()
    weights = fit.weights
    gradient = 2 * STRENGTH * weights
    for one in MOLECULES:
        gradient -= 2 * dense(one).T @ one.metric @ (one.target - dense(one) @ weights)
    right = sum(dense(one).T @ one.metric @ one.target for one in MOLECULES)
    assert np.abs(gradient).max() < 1e-10 * np.abs(right).max()
    rng = np.random.default_rng(1)
    for _ in range(3):
        step = 1e-3 * rng.normal(size=weights.shape)
        assert loss(weights + step, STRENGTH) > loss(weights, STRENGTH)


def test_the_gradient_of_the_loss_is_that_of_finite_differences():
    rng = np.random.default_rng(2)
    weights, direction = rng.normal(size=(2, LAYOUT.size))
    gradient = 2 * STRENGTH * weights
    for one in MOLECULES:
        gradient -= 2 * dense(one).T @ one.metric @ (one.target - dense(one) @ weights)
    step = 0.5  # the loss is quadratic: central differences are exact
    ahead, behind = (loss(weights + s * step * direction, STRENGTH) for s in (1, -1))
    assert (ahead - behind) / (2 * step) == pytest.approx(gradient @ direction, rel=1e-9)


def test_conjugate_gradients_find_the_same_weights():
    fit = regression()

    def multiply(weights):
        total = STRENGTH * weights
        for one in MOLECULES:
            along = one.metric @ (one.design @ weights[:, None])
            total = total + one.design.transposed_times(along)[:, 0]
        return total

    right = sum(
        one.design.transposed_times(one.metric @ one.target[:, None])[:, 0] for one in MOLECULES
    )
    operator = LinearOperator((LAYOUT.size, LAYOUT.size), matvec=multiply)
    found, _ = cg(operator, right, rtol=1e-12, maxiter=5000)
    weights = fit.weights
    assert np.abs(found - weights).max() < 1e-6 * np.abs(weights).max()


@pytest.mark.parametrize("groups", [np.arange(8), np.array([0, 0, 1, 1, 0, 0, 0, 0])])
def test_what_is_left_out_is_predicted_by_a_regression_without_it(groups):
    fit = regression()
    pull_of = {}
    for group in fit.left_out(groups):
        label = groups[group.indices[0]]
        assert group.indices == np.flatnonzero(groups == label).tolist()
        others = [MOLECULES[k] for k in np.flatnonzero(groups != label)]
        without = DensityRegression.of(others, LAYOUT.size, STRENGTH)
        covariance = without.root @ without.root.T
        for index, found, of_loss, response in zip(
            group.indices, group.errors, group.losses, group.responses, strict=True
        ):
            one = MOLECULES[index]
            error = one.target - dense(one) @ without.weights
            np.testing.assert_allclose(found, error @ one.functionals, atol=1e-8)
            assert of_loss == pytest.approx(error @ one.metric @ error)
            follows = one.functionals.T @ dense(one) @ covariance
            np.testing.assert_allclose(fit.root @ response, follows.T, atol=1e-8)
        influence = fit.root @ group.pull
        np.testing.assert_allclose(influence, fit.weights - without.weights, atol=1e-8)
        pull_of[label] = group.pull
    assert sorted(pull_of) == np.unique(groups).tolist()


def test_the_root_is_that_of_the_covariance():
    fit = regression()
    normal = sum(dense(one).T @ one.metric @ dense(one) for one in MOLECULES)
    covariance = np.linalg.inv(normal + STRENGTH * np.eye(LAYOUT.size))
    np.testing.assert_allclose(fit.root @ fit.root.T, covariance, atol=1e-10)


def test_errors_that_hold_electrons_do_not_count_where_the_number_is_exact():
    one = MOLECULES[0]
    charges = BASIS.charges([8, 1, 1])
    number = ElectronNumber.of(charges, one.metric)
    projected = number.projected(one.metric)
    rng = np.random.default_rng(4)
    error = rng.normal(size=one.design.size)
    corrected = number.corrected(error, 0.0)
    assert charges @ corrected == pytest.approx(0.0, abs=1e-12)
    assert error @ projected @ error == pytest.approx(corrected @ one.metric @ corrected)
    # stationary: with the multiplier of the constraint, nothing is left of the gradient
    multiplier = (charges @ error) * number.stiffness
    residual = one.metric @ (corrected - error) + multiplier * charges
    assert np.abs(residual).max() < 1e-10
