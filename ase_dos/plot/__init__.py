"""Figures: ``plot_x(result, ax=None) -> Axes``.

Without ``ax`` a figure of its own is made, outside pyplot, so that nothing global is touched and
no display is needed; save it with ``ax.figure.savefig(path)``.
"""

from ase_dos.plot.dos import (
    plot_dos,
    plot_dos_image,
    plot_ensemble,
    plot_heat_capacity,
    plot_time_series,
)
from ase_dos.plot.local import (
    plot_atoms,
    plot_components,
    plot_groups,
    plot_local_map,
)
from ase_dos.plot.model import (
    plot_calibration,
    plot_learning_curve,
    plot_modes,
    plot_parities,
    plot_parity,
    plot_shifts,
    plot_spectra,
)
from ase_dos.plot.style import ENERGY

__all__ = [
    "ENERGY",
    "plot_atoms",
    "plot_calibration",
    "plot_components",
    "plot_dos",
    "plot_dos_image",
    "plot_ensemble",
    "plot_groups",
    "plot_heat_capacity",
    "plot_learning_curve",
    "plot_local_map",
    "plot_modes",
    "plot_parities",
    "plot_parity",
    "plot_shifts",
    "plot_spectra",
    "plot_time_series",
]
