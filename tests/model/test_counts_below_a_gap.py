"""Electrons below a gap that every structure has, exact by constraint."""

from dataclasses import replace

import numpy as np
import pytest
from toy_model import toy_frames
from toy_training import KERNEL, QUICK, soap

from ase_dos.model.dos_model import DOSModel
from ase_dos.spectra.dos import EnergyGrid
from ase_dos.spectra.target import target_from_dos, target_from_states


def electrons_below(local, top):
    """Exact integral of the piecewise-linear DOS of every atom."""
    below = np.append(local.energies[local.energies < top], top)
    return [np.trapezoid(np.interp(below, local.energies, g), below) for g in local.values]


@pytest.mark.parametrize("metric", ["dos", "cumulative"])
@pytest.mark.parametrize("regressor", ["ridge", KERNEL])
def test_electrons_below_a_gap_are_exact(toy_data, metric, regressor):
    """Two bands below it hold four electrons an atom, in any structure.

    Where the training set says so exactly, every model that is linear in its targets knows it;
    where it does not, the constraint does.
    """
    frames, states = toy_data
    top, rng = 0.03, np.random.default_rng(0)  # no point of the grid
    targets = [target_from_states(s, 0.3) for s in states]
    dos = [t.dos(np.arange(t.start, t.valid_to, 0.05)) for t in targets]
    rough = [replace(d, values=d.values * (1 + 0.001 * rng.normal())) for d in dos]
    atoms = toy_frames(1, seed=5)[0]
    atoms.set_cell(0.8 * atoms.cell, scale_atoms=True)  # far from the training set
    held = {}
    for name, some, count in (("exact", dos, None), ("rough", rough, None), ("fixed", rough, top)):
        model = DOSModel(
            soap(),
            n_modes=3,
            regularizations=[1e-4],
            penalties=[0.01],
            metric=metric,
            count_below=count,
            regressor=regressor,
        ).fit(frames, some)
        held[name] = electrons_below(model.predictor.predict(atoms), top)
    np.testing.assert_allclose(held["exact"], 4.0, atol=1e-4)
    assert np.ptp(held["rough"]) > 1e-3
    np.testing.assert_allclose(held["fixed"], held["fixed"][0], rtol=1e-9)
    assert held["fixed"][0] == pytest.approx(4.0, abs=2e-3)
    assert model.options.count_below == top


@pytest.mark.parametrize(
    ("top", "message"),
    [
        (-5.5, r"expected a gap at -5\.5 eV in every structure, but this one holds"),
        (-40.0, r"expected an energy within the grid .* got -40"),
        (40.0, r"expected an energy within the grid .* got 40"),
        (-13.9, r"no structure has electrons below -13\.9 eV"),
        ("gap", "count_below: expected numbers"),
    ],
)
def test_no_gap_to_count_below(toy_data, top, message):
    with pytest.raises(ValueError, match=f"count_below: {message}".replace("w: count_below", "w")):
        DOSModel(soap(), EnergyGrid(-14.0, 0.05, 500), count_below=top, **QUICK).fit(*toy_data)


def test_count_needs_the_dos_of_every_structure(toy_data):
    """Above the last known energy, even of a single structure, there is nothing to count."""
    frames, states = toy_data
    targets = [target_from_states(s, 0.3) for s in states]
    dos = [t.dos(np.arange(t.start, t.valid_to, 0.05)) for t in targets]
    options = QUICK | {"reference": "fermi"}
    dos[3] = replace(dos[3], valid_to=targets[3].fermi_level + 4.97)
    grid = DOSModel(soap(), count_below=0.4, **options).fit(frames, dos).grid.energies
    cut = target_from_dos(dos[3])
    last = grid[grid <= cut.valid_to - cut.fermi_level][-1]
    for top in (last + 0.01, 5.3):  # the first needs the next point of the grid, unknown
        with pytest.raises(
            ValueError, match=f"structure 3: count_below: .* not known up to {top:g} eV"
        ):
            DOSModel(soap(), count_below=top, **options).fit(frames, dos)
