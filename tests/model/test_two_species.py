"""Two species and masks: a known sum of local contributions, learned back from its totals.

Every atom contributes a term of its species and a part linear in its features, known here in
closed form. What training sees of it are the totals of cells, each on an energy axis of its own
and unknown above an energy of its own.
"""

from dataclasses import replace

import numpy as np
import pytest
from ase.build import bulk

from ase_dos.descriptors.soap import SOAP
from ase_dos.model.blocks import predict_in_blocks
from ase_dos.model.dos_model import DOSModel
from ase_dos.spectra.dos import DOS, EnergyGrid

DESCRIPTOR = SOAP(cutoff=4.0, max_radial=2, max_angular=0, width=0.7, species=("Ga", "As"))
VALENCE = {31: 3, 33: 5}
# Centre (eV) and number of states of the peaks that an atom brings wherever it is.
PEAKS = {
    31: ((-8, 2.0), (-3, 2.0), (1, 3.0), (5, 4.0)),
    33: ((-10, 2.0), (-3, 4.0), (2, 3.0), (6, 4.0)),
}
CENTRES = (-9, -3.5, 1.5, 4.5)  # eV, of the peaks that depend on the surroundings
WEIGHTS = np.random.default_rng(5).normal(0, 0.08, (DESCRIPTOR.n_features, len(CENTRES)))
GRID = EnergyGrid(-14.0, 0.05, 441)  # 0 is the mean Fermi level
COUNT = 40


def gaussian(energies, centre, width=0.6):
    return np.exp(-0.5 * ((energies - centre) / width) ** 2) / (width * np.sqrt(2 * np.pi))


def local_dos(atoms, energies):
    """Return the true DOS of every atom (atoms, energies)."""
    terms = {
        number: sum(states * gaussian(energies, centre) for centre, states in peaks)
        for number, peaks in PEAKS.items()
    }
    modes = np.array([gaussian(energies, centre) for centre in CENTRES])
    return np.array([terms[z] for z in atoms.numbers]) + DESCRIPTOR.compute(atoms) @ WEIGHTS @ modes


def make_frames(count, seed):
    """Rattled and strained cells of eight atoms, from pure gallium to pure arsenic."""
    rng = np.random.default_rng(seed)
    frames = []
    for _ in range(count):
        atoms = bulk("Ga", "diamond", a=5.65 * rng.uniform(0.96, 1.06), cubic=True)
        atoms.rattle(0.2, rng=rng)
        atoms.numbers[rng.permutation(8)[: rng.integers(0, 9)]] = 33
        frames.append(atoms)
    return frames


def total_dos(atoms, shift, known):
    """DOS of a cell whose energies are raised by ``shift``, known up to ``known`` (eV) before."""
    energies = np.arange(-16.0, 9.0, 0.05)
    electrons = float(sum(VALENCE[z] for z in atoms.numbers))
    values = local_dos(atoms, energies).sum(axis=0)
    return DOS(energies + shift, values, electrons, 0.3, known + shift)


def train(frames, dos, descriptor=DESCRIPTOR, **options):
    options = {"n_modes": 8, "regularizations": [1e-8], "penalties": [0.0]} | options
    return DOSModel(descriptor, GRID, **options).fit(frames, dos)


@pytest.fixture(scope="module")
def data():
    """Frames, their DOS, the shift of each axis and where each ends before it is shifted."""
    rng = np.random.default_rng(1)
    frames = make_frames(COUNT, 0)
    shifts, known = rng.normal(0, 1.5, COUNT), rng.uniform(2.0, 8.0, COUNT)
    dos = [total_dos(*one) for one in zip(frames, shifts, known, strict=True)]
    return frames, dos, shifts, known


@pytest.fixture(scope="module")
def model(data):
    return train(*data[:2])


def test_masked_training_recovers_the_shifts_and_the_local_dos(model, data):
    shifts = data[2]
    zero = np.mean(model.training.shifts - shifts)
    ends = np.array([dos.valid_to for dos in data[1]]) - model.training.shifts
    assert np.ptp(ends) > 4  # masks of all lengths,
    assert np.mean(ends < GRID.stop) >= 0.4  # many of them inside the model's window
    np.testing.assert_allclose(model.training.shifts - shifts, zero, atol=0.002)
    for atoms in make_frames(5, 99):
        truth = local_dos(atoms, GRID.energies + zero)
        found = model.predict(atoms)
        error = np.abs(found.total().values - truth.sum(axis=0)).max()
        assert error < 0.01 * truth.sum(axis=0).max()
        for number in set(atoms.numbers):
            part = truth[atoms.numbers == number].sum(axis=0)
            error = np.abs(found.total(atoms.numbers == number).values - part).max()
            assert error < 0.02 * part.max()


def test_valence_of_both_species_and_the_electrons_it_brings(model, data):
    assert model.info["valence"] == [3.0, 5.0]
    atoms = data[0][3]
    assert model.predict(atoms).total().n_electrons == data[1][3].n_electrons


@pytest.mark.parametrize("filling", [0.0, 1e6, "noise"])
def test_unknown_energies_do_not_influence_anything(model, data, filling):
    frames, dos = data[:2]
    rng = np.random.default_rng(2)
    garbage = [
        replace(
            one,
            values=np.where(
                one.energies <= one.valid_to,
                one.values,
                rng.normal(0, 100, one.values.size) if filling == "noise" else filling,
            ),
        )
        for one in dos
    ]
    other = train(frames, garbage)
    np.testing.assert_array_equal(other.training.shifts, model.training.shifts)
    np.testing.assert_array_equal(other.predictor.weights, model.predictor.weights)
    np.testing.assert_array_equal(other.predictor.species_terms, model.predictor.species_terms)
    test = make_frames(4, 98)
    truth = [total_dos(atoms, 0.0, 4.02) for atoms in test]
    spoilt = [
        replace(one, values=np.where(one.energies <= one.valid_to, one.values, -50.0))
        for one in truth
    ]
    errors = [model.evaluate(test, some).errors.squared for some in (truth, spoilt)]
    np.testing.assert_array_equal(*errors)


def test_missing_states_are_not_zeros(model, data):
    """A model that believes the cut states are absent is far off; the masks are what helps."""
    frames, dos, _, known = data
    zeros = [
        replace(
            one, values=np.where(one.energies <= one.valid_to, one.values, 0.0), valid_to=np.inf
        )
        for one in dos
    ]
    assert known.min() < 3
    wrong = train(frames, zeros)
    test = make_frames(5, 97)
    truth = [total_dos(atoms, 0.4, 8.0) for atoms in test]
    good, bad = (one.evaluate(test, truth).rmse for one in (model, wrong))
    assert good < 0.02 * bad


def same(one, other, frames, **options):
    for atoms in frames:
        values = [model.predict(atoms).total().values for model in (one, other)]
        np.testing.assert_allclose(*values, **options)


def test_order_of_species_in_the_descriptor_is_of_no_consequence(model, data):
    turned = SOAP.from_dict(DESCRIPTOR.to_dict() | {"species": ["As", "Ga"]})
    other = train(*data[:2], descriptor=turned)
    assert other.info["valence"] == model.info["valence"]
    np.testing.assert_allclose(other.training.shifts, model.training.shifts, atol=1e-3)
    same(model, other, make_frames(3, 96), atol=0.02)


def test_order_of_structures_is_of_no_consequence(model, data):
    order = np.random.default_rng(3).permutation(COUNT)
    other = train(*([some[i] for i in order] for some in data[:2]))
    np.testing.assert_allclose(other.training.shifts, model.training.shifts[order], atol=1e-3)
    same(model, other, make_frames(3, 96), atol=0.02)


def test_order_of_atoms_is_of_no_consequence(model, data):
    rng = np.random.default_rng(4)
    other = train([atoms[rng.permutation(8)] for atoms in data[0]], data[1])
    np.testing.assert_allclose(other.training.shifts, model.training.shifts, atol=1e-3)
    same(model, other, make_frames(3, 96), atol=0.02)


def test_blocks_of_a_frame_are_the_frame(model):
    atoms = make_frames(1, 97)[0].repeat((2, 2, 3))
    whole = model.predictor.predict(atoms)
    parts = predict_in_blocks(model, atoms, 17)
    scale = np.abs(whole.coefficients).max()
    np.testing.assert_allclose(parts.coefficients, whole.coefficients, atol=1e-12 * scale)
    np.testing.assert_array_equal(parts.valence, whole.valence)
