"""Fits of Hamiltonians to known levels."""

from dataclasses import replace

import numpy as np
import pytest
from ase.build import bulk
from toy_tight_binding import FORM, compound, seeded

from ase_dos.tight_binding import HamiltonianForm, TightBindingHamiltonian
from ase_dos.tight_binding.bloch import BlochHamiltonian
from ase_dos.tight_binding.fitting import fit_hamiltonian, level_errors
from ase_dos.tight_binding.hueckel import hueckel_parameters
from ase_dos.tight_binding.levels import KnownLevels, load_levels, save_levels
from ase_dos.tight_binding.start import universal_parameters

SILICON = HamiltonianForm(
    {14: (0, 1)}, {14: 4}, cutoff=4.5, n_radial=3, n_field=0, level_degree=1, density_decays=(0.6,)
)
POINTS = np.random.default_rng(1).random((5, 3))


def levels_of(hamiltonian, atoms, shift=0.0):
    bloch = BlochHamiltonian(atoms, hamiltonian.form)
    energies = bloch.energies(hamiltonian.parameters, POINTS) + shift
    half = hamiltonian.n_electrons(atoms) / 2
    return KnownLevels(atoms, POINTS, energies, np.sort(energies.ravel())[int(5 * half)])


def strained_silicon(seed):
    rng = np.random.default_rng(seed)
    atoms = bulk("Si", a=5.43 * rng.uniform(0.93, 1.07))
    atoms.positions += rng.normal(0, 0.1, (2, 3))
    return atoms


def truth():
    start = universal_parameters(SILICON, {14: (-8.0, 0.0)})
    factors = 1 + np.random.default_rng(2).normal(0, 0.15, start.size)
    return TightBindingHamiltonian(SILICON, start * factors)


def test_levels_of_a_hamiltonian_are_found_again():
    """Whatever the zero of energy of each structure; parameters and other structures follow."""
    hidden = truth()
    known = [levels_of(hidden, strained_silicon(s), shift=0.3 * s) for s in range(4)]
    start = universal_parameters(SILICON, {14: (-8.0, 0.0)})
    errors = []
    fit = fit_hamiltonian(
        SILICON, known, start, ridge=0.0, tolerance=1e-9, progress=lambda _, e: errors.append(e)
    )
    assert (np.diff(errors) < 0).all()
    assert fit.steps == len(errors)
    assert fit.errors.max() < 1e-4
    np.testing.assert_allclose(fit.shifts - fit.shifts[0], 0.3 * np.arange(4), atol=1e-3)
    other = [levels_of(hidden, strained_silicon(9))]
    assert level_errors(fit.hamiltonian, other)[0] < 1e-3
    np.testing.assert_allclose(level_errors(fit.hamiltonian, known), fit.errors, atol=1e-12)


def test_overlaps_are_found_again():
    """From integrals that were fitted with overlaps that are not quite right."""
    form = replace(SILICON, n_overlap=2)
    exact = hueckel_parameters(form, {14: (-14.0, -8.0)}, {14: (1.0, 1.2)})
    known = [levels_of(TightBindingHamiltonian(form, exact), strained_silicon(s)) for s in range(3)]
    start, where = exact.copy(), form.slices()["overlaps Si Si"]
    start[where] *= 0.9
    first = fit_hamiltonian(form, known, start, overlaps=False, max_steps=6, ridge=0.0)
    np.testing.assert_array_equal(first.hamiltonian.parameters[where], start[where])
    fit = fit_hamiltonian(form, known, first.hamiltonian.parameters, max_steps=12, ridge=0.0)
    assert fit.errors.max() < 0.1 * first.errors.max()


def test_a_fit_goes_on_where_another_ended():
    known = [levels_of(truth(), strained_silicon(s)) for s in range(2)]
    start = universal_parameters(SILICON, {14: (-8.0, 0.0)})
    first = fit_hamiltonian(SILICON, known, start, max_steps=2)
    assert not first.converged
    more = fit_hamiltonian(SILICON, known, first.hamiltonian.parameters, max_steps=3)
    assert np.mean(more.errors**2) < np.mean(first.errors**2)


def test_a_strong_ridge_keeps_the_start():
    known = [levels_of(truth(), strained_silicon(0))]
    start = universal_parameters(SILICON, {14: (-8.0, 0.0)})
    fit = fit_hamiltonian(SILICON, known, start, ridge=1e9, max_steps=5)
    np.testing.assert_allclose(fit.hamiltonian.parameters, start, atol=1e-6)


def test_levels_are_kept_in_a_file(tmp_path):
    known = {f"si{s}": levels_of(truth(), strained_silicon(s)) for s in range(2)}
    save_levels(tmp_path / "levels.npz", known, {"program": "none"})
    stored = load_levels(tmp_path / "levels.npz")
    assert list(stored) == ["si0", "si1"]
    for name, one in known.items():
        assert stored[name].atoms == one.atoms
        np.testing.assert_allclose(stored[name].energies, one.energies, atol=5e-5)
        np.testing.assert_array_equal(stored[name].kpoints, one.kpoints)
        assert stored[name].fermi_level == one.fermi_level
    np.savez(tmp_path / "other.npz", x=1)
    with pytest.raises(ValueError, match=r"other.npz: not a readable file of levels"):
        load_levels(tmp_path / "other.npz")
    with pytest.raises(ValueError, match=r"missing.npz: not a readable file of levels"):
        load_levels(tmp_path / "missing.npz")


def test_weights_fall_above_the_top():
    known = KnownLevels(bulk("Si"), np.zeros((1, 3)), [[5.0, -3.0, 20.0]], 1.0)
    np.testing.assert_array_equal(known.energies, [[-3, 5, 20]])
    weights = known.weights(4.0, 0.5)
    assert weights.sum() == pytest.approx(1)
    assert weights[0, 1] == pytest.approx(weights[0, 0] / 2, rel=1e-3)  # at the top: a half
    assert weights[0, 2] < 1e-12


def test_universal_integrals_have_their_signs():
    form = replace(FORM, n_radial=6)
    arrays = form.split(universal_parameters(form, {13: (-6, 0), 33: (-14, -6, 5)}))
    functions = form.integral_functions(np.array([2.4]), 6, 1.21 + 1.19)[0][0]
    values = arrays["integrals Al As"][:, 0] @ functions
    names = [FORM.pair(13, 33).name(one) for one in FORM.pair(13, 33).integrals]
    found = dict(zip(names, values, strict=True))
    assert found["ss sigma"] == pytest.approx(-1.4 * 7.62 / 2.4**2, rel=0.02)
    assert found["sp sigma"] == pytest.approx(-found["ps sigma"])
    assert found["pp sigma"] > 0 > found["pp pi"]
    assert arrays["levels As"][:, 0, 0].tolist() == [-14, -6, 5]


def test_bad_input():
    start = np.zeros(SILICON.n_parameters)
    with pytest.raises(ValueError, match="at least one structure"):
        fit_hamiltonian(SILICON, [], start)
    with pytest.raises(ValueError, match="As has no parameters"):
        fit_hamiltonian(SILICON, [levels_of(seeded(FORM), compound())], start)
    with pytest.raises(ValueError, match="start: expected shape"):
        fit_hamiltonian(SILICON, [levels_of(truth(), strained_silicon(0))], start[:-1])
    with pytest.raises(ValueError, match="levels: none for As"):
        universal_parameters(FORM, {13: (-6, 0)})
    with pytest.raises(ValueError, match="levels of As: expected shape"):
        universal_parameters(FORM, {13: (-6, 0), 33: (1, 2)})
    with pytest.raises(ValueError, match="energies: expected shape"):
        KnownLevels(bulk("Si"), np.zeros((2, 3)), [[1.0]], 0.0)
