"""Densities of real waters: what is claimed of the metrics, and the model that is shipped."""

from pathlib import Path

import numpy as np
import pytest
from ase.io import read

from ase_dos.density.evaluation import evaluate_densities
from ase_dos.density.files import read_densities
from ase_dos.density.metric import ElectronNumber, metric_matrix
from ase_dos.density.model import DensityModel
from ase_dos.density.surface import surface_points
from ase_dos.descriptors.lambda_soap import LambdaSOAP
from ase_dos.utils.novelty import NoveltyWarning

ROOT = Path(__file__).parents[2]
PATH = ROOT / "data" / "molecules" / "molecules.npz"
DESCRIPTOR = LambdaSOAP(4.0, 5, 4, 0.4, ("H", "O"), max_lambda=4)


def rms(values):
    return np.sqrt(np.mean(np.square(values)))


@pytest.fixture(scope="module")
def waters():
    """130 frames with fits in the Coulomb metric, and what the calculations themselves gave."""
    frames, densities = read_densities(PATH)
    counts = [len(surface_points(one.numbers, one.positions)) for one in densities]
    with np.load(PATH) as file:
        potentials = np.split(file["potentials"], np.cumsum(counts)[:-1])
        dipoles = file["dipoles"]
        differences = file["overlap_differences"]
        excess = file["excess"]
    ends = np.cumsum([one.coefficients.size for one in densities])
    differences = np.split(differences, ends[:-1])
    water = [i for i, atoms in enumerate(frames) if atoms.info["family"] == "water"]
    chosen = np.random.default_rng(1).permutation(water)
    return [
        (frames[i], densities[i], differences[i], excess[i, 1], dipoles[i], potentials[i])
        for i in chosen
    ]


def overlap_fit(density, difference, excess):
    """Fit in the overlap metric without a constraint, from what the data set holds of it."""
    matrix = metric_matrix("overlap", density.basis, density.numbers, density.positions)
    number = ElectronNumber.of(density.basis.charges(density.numbers), matrix)
    coefficients = number.corrected(density.coefficients + difference, 10.0 + excess)
    return type(density)(density.basis, density.numbers, density.positions, coefficients)


def report(waters, fits, **options):
    """Errors of the last 90 by a model of the first 40, against the calculations."""
    frames = [one[0] for one in waters]
    model = DensityModel(DESCRIPTOR, fits[0].basis, n_points=40, **options)
    model.fit(frames[:40], fits[:40], progress=False)
    guesses = [model.predict(atoms) for atoms in frames[40:]]
    truth = {
        "dipoles": [one[4] for one in waters[40:]],
        "potentials": [one[5] for one in waters[40:]],
    }
    return evaluate_densities(fits[40:], guesses, **truth)


@pytest.mark.filterwarnings("ignore::ase_dos.utils.novelty.NoveltyWarning")
def test_coulomb_metric_and_exact_number_beat_overlap_without_it(waters):
    fits = [one[1] for one in waters]
    best = report(waters, fits)
    assert best.coulomb.mean() <= 0.005
    assert best.dipole_error <= 0.005
    assert rms(best.potentials) <= 0.13
    assert np.abs(best.electrons).max() < 1e-10
    others = [overlap_fit(one[1], one[2], one[3]) for one in waters]
    plain = report(waters, others, metric="overlap", electron_number="free")
    assert rms(plain.potentials) >= 2.0 * rms(best.potentials)


@pytest.mark.filterwarnings("ignore::ase_dos.utils.novelty.NoveltyWarning")
def test_dipoles_lie_within_their_error_bars_as_often_as_they_should(waters):
    # one training set decides on the size of all its errors: only several tell how often
    inside = []
    for start in (0, 30, 60, 90):
        chosen = waters[start : start + 40]
        others = [one for one in waters if not any(one is other for other in chosen)]
        model = DensityModel(DESCRIPTOR, chosen[0][1].basis, n_points=40)
        model.fit([one[0] for one in chosen], [one[1] for one in chosen], progress=False)
        for atoms, truth, *_ in others:
            density = model.predict(atoms)
            inside.append(np.abs(density.dipole() - truth.dipole()) <= density.dipole_std())
    assert 0.6 <= np.mean(inside) <= 0.8


def test_the_shipped_model_knows_water_and_says_what_it_does_not_know(waters):
    model = DensityModel.load("water-density")
    evaluation = model.evaluate([one[0] for one in waters[:10]], [one[1] for one in waters[:10]])
    assert evaluation.dipole_error < 0.001
    assert rms(evaluation.coulomb) < 0.005
    for atoms in read(ROOT / "examples" / "water.extxyz.xz", index="0:3"):
        assert np.linalg.norm(model.predict(atoms).dipole()) == pytest.approx(0.39, abs=0.03)
    frames, _ = read_densities(PATH)
    dimer = next(atoms for atoms in frames if atoms.info["family"] == "dimer")
    with pytest.warns(NoveltyWarning, match="surroundings unlike"):
        model.predict(dimer)
