"""Quick trainings that tests of models share."""

import numpy as np
from toy_model import toy_frames, toy_states

from ase_dos.descriptors.soap import SOAP
from ase_dos.fit.sparse_kernel import SparseKernel

KERNEL = SparseKernel(n_points=60, degree=3)
QUICK = {"n_modes": 8, "regularizations": [1e-3], "penalties": [0.01]}


def soap(**options):
    return SOAP(
        **{"cutoff": 4.5, "max_radial": 4, "max_angular": 3, "width": 0.5, "species": ("Si",)}
        | options
    )


def two_species(valence, seed=3):
    """Eight-atom cells of carbon and silicon with given valences."""
    frames = toy_frames(10, seed=seed)
    rng = np.random.default_rng(seed + 1)
    for atoms in frames:
        atoms.numbers[rng.choice(8, rng.integers(1, 7), replace=False)] = 6
    states = []
    for i, atoms in enumerate(frames):
        one = toy_states(atoms, seed=i)
        electrons = sum(valence[symbol] for symbol in atoms.symbols)
        states.append(type(one)(one.eigenvalues, one.weights, electrons, 2))
    return frames, states


def fresh(model, seed=77):
    """Return a structure of the species of the model that it was not trained on."""
    atoms = toy_frames(1, seed=seed)[0]
    atoms.numbers[::3] = model.species[0]
    return atoms


def new_set(model):
    """Return structures and states that the model was not trained on."""
    if len(model.species) > 1:
        return two_species({"C": 4, "Si": 4}, seed=60)
    frames = toy_frames(6, seed=60)
    return frames, [toy_states(atoms, seed=60 + i) for i, atoms in enumerate(frames)]


def expected_rmse(model, frames):
    return np.sqrt(np.mean([model.predict_ensemble(a, 2).expected_error ** 2 for a in frames]))
