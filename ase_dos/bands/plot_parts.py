"""Parts that figures of bands share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ase_dos.bands.momentum_spline import MomentumSpline
from ase_dos.bands.reconstructed import ReconstructedBands

__all__ = ["BRIGHTEST", "INTENSITY", "axis_label", "hidden_spline", "where_known"]

INTENSITY = "Greys"  # colours of intensity
BRIGHTEST = 99.7  # percentile of the intensity that is black
_LABELS = {"kx": "$k_x$ (1/Å)", "ky": "$k_y$ (1/Å)", "kz": "$k_z$ (1/Å)", "k": "$k$ (1/Å)"}


def axis_label(name: str) -> str:
    """Label of an axis of momentum, or of another one."""
    return _LABELS.get(name, name)


def where_known(found: ReconstructedBands) -> NDArray:
    """Return where the data speak (bands, *momenta)."""
    assert found.mask is not None
    return found.mask


def hidden_spline(found: ReconstructedBands) -> MomentumSpline:
    """Return zero where the data speak, and NaN elsewhere."""
    return MomentumSpline(found.momenta, np.where(where_known(found), 0.0, np.nan))
