"""Certificate of bands: how far the fit can be from the best of its neighbourhood.

Each band in turn, the others and all amplitudes fixed, is a Markov random field whose least energy
tree-reweighted message passing brackets (`kernels.tree_reweighted`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ase_dos.bands.joint_fit import BandPrior
from ase_dos.bands.spectra_model import CountedSpectra, Lines
from ase_dos.kernels.markov_field import make_field
from ase_dos.kernels.tree_reweighted import Optimum, least_energy, no_messages

__all__ = ["best_near", "minimized"]

# Labels on each side of where a band is, and their distance in widths of the line.
_LABELS = 15
_FINENESS = 1.0 / _LABELS
_GAP, _ITERATIONS = 1e-5, 100


def minimized(
    costs: NDArray, fields: NDArray, spacing: float, weights: tuple[NDArray, NDArray | float]
) -> Optimum:
    """Least energy of one field whose labels are steps from given values.

    Parameters
    ----------
    costs : (*momenta, labels) array
        Cost of each label.
    fields : (*momenta) array
        Values of the middle label (eV), of what is to be smooth.
    spacing : float
        Distance of labels (eV).
    weights : two arrays or floats
        Weights of the edges along each axis (1/eV^2), see `Smoothness.on_grid`.

    Returns
    -------
    Optimum
        Its labels have the shape (n, 1) if there is one axis.
    """
    fields = fields.reshape(fields.shape[0], -1) / spacing
    costs = costs.reshape(*fields.shape, -1)
    pair = [0.5 * weight * spacing**2 for weight in weights]
    # A pair (n, m) with labels l costs (l_n - l_m + shift)^2, shift being the difference of values.
    field = make_field(costs, pair[0], pair[1], -np.diff(fields, axis=0), -np.diff(fields, axis=1))
    return least_energy(field, _GAP, _ITERATIONS, no_messages(field))


def best_near(
    spectra: CountedSpectra, lines: Lines, prior: BandPrior, band: int
) -> tuple[float, NDArray]:
    """Best energies of one band within a width of the line, and how good the present ones are.

    Returns
    -------
    gap : float
        Energy of the present ones less the lower bound, over what their coupling costs.
    energies : (*momenta) array
        Those of the least energy found, on labels a fifteenth of the line's width apart (eV).
    """
    spacing = _FINENESS * lines.line.profile.fwhm
    steps = spacing * np.arange(-_LABELS, _LABELS + 1)
    here = lines.positions[band]
    energies = here[..., None] + steps
    costs = spectra.costs(lines, band, energies)
    # Relative to the least cost of each momentum, so that constants do not make a gap look small.
    costs -= costs.min(axis=-1, keepdims=True)
    best = minimized(costs, here - prior.base[band], spacing, prior.smoothness.on_grid(band))
    present = float(costs[..., _LABELS].sum(dtype=float)) + prior.smoothness.energy_of_band(
        here - prior.base[band], band
    )
    gap = max(present - best.bound, 0.0) / max(present, 1e-300)
    return gap, here + steps[best.labels.reshape(here.shape)]
