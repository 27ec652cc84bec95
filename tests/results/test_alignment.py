"""Alignment of spectra on one axis of energies."""

import numpy as np
import pytest

from ase_dos.results.alignment import align_spectra


@pytest.mark.parametrize("references", [[0.3, -1.17, 2.0], [0.5, 0.5], [1.0 / 3]])
def test_alignment_is_exact_for_cubics_and_uses_all_that_is_known(references):
    energies = np.linspace(-5, 5, 101)
    references = np.array(references)

    def cubic(e):
        return 1 + e - 0.2 * e**2 + 0.03 * e**3

    axis, rows = align_spectra(
        energies, [cubic(energies - zero) for zero in references], references
    )
    np.testing.assert_allclose(rows, np.tile(cubic(axis), (len(references), 1)), atol=1e-10)
    assert axis[0] - 0.1 < (energies[0] - references).max() <= axis[0] + 1e-9
    assert axis[-1] + 0.1 > (energies[-1] - references).min() >= axis[-1] - 1e-9
    np.testing.assert_allclose(axis / 0.1, np.rint(axis / 0.1), atol=1e-9)


def test_alignment_needs_a_common_part():
    energies = np.linspace(-5, 5, 101)
    with pytest.raises(ValueError, match="no common part"):
        align_spectra(energies, np.zeros((2, 101)), [-6.0, 6.0])
