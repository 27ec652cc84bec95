"""Free energy of excited electrons as a functional of the DOS."""

import numpy as np
import pytest
from derivatives import central

from ase_dos.spectra.dos import DOS


def test_derivative_by_the_dos_with_and_without_a_gap():
    """Electron number fixed; below a gap the count is mended, which the derivative knows."""
    energies = np.arange(-8, 8, 0.05)
    metal = 1.0 + 0.3 * np.sin(energies)
    gapped = np.where(np.abs(energies) > 0.5, metal, 0.0)
    rng = np.random.default_rng(0)
    filled = float(np.trapezoid(gapped * (energies < 0), energies))
    for values, electrons in ((metal, 8.3), (1.0001 * gapped, filled)):
        hot = DOS(energies, values, electrons).excite(4000.0, 500.0)
        change = np.where(values > 0, rng.normal(size=values.size), 0.0)

        def free_energy(step, start=values, n=electrons, along=change):
            return DOS(energies, start + step * along, n).excite(4000.0, 500.0).free_energy

        assert hot.derivative @ change == pytest.approx(central(free_energy, 1e-3), rel=1e-6)
