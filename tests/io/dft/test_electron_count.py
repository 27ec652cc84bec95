"""Electrons counted again from a printed Fermi level or highest occupied level."""

import numpy as np
import pytest
from ase.units import kB

from ase_dos.electrons.gas import gas_from_eigenvalues
from ase_dos.io.dft.electron_count import Smearing, check_count, check_filled, check_smeared

LEVELS = np.array([[[-3.0, 1.0, 4.0, 9.0], [-2.0, 2.0, 5.0, 8.0]]])
WEIGHTS = np.array([0.25, 0.75])
KINDS = ["gaussian", "methfessel-paxton", "marzari-vanderbilt", "fermi-dirac"]


@pytest.mark.parametrize("kind", KINDS)
def test_occupations_fill_what_lies_deep_and_leave_what_lies_high(kind):
    smearing = Smearing(kind, 0.1)
    below = np.array([-5.0, 5.0])
    np.testing.assert_allclose(smearing.occupations(below), [0, 1], atol=1e-12)


@pytest.mark.parametrize(("kind", "spread"), [(KINDS[0], 0.5), (KINDS[1], 0), (KINDS[2], 0)])
def test_occupations_have_the_moments_that_define_them(kind, spread):
    # Their derivative is a broadened delta function. That of a Gaussian spreads by 1/2 (square of
    # widths); Methfessel-Paxton and cold smearing are made not to.
    x = np.linspace(-12, 12, 200_001)
    delta = np.gradient(Smearing(kind, 1.0).occupations(x), x)
    moments = [np.trapezoid(delta * x**power, x) for power in range(3)]
    np.testing.assert_allclose(moments, [1, 0, spread], atol=1e-6)


def test_levels_filled_at_a_temperature_hold_the_electrons():
    fermi_level = gas_from_eigenvalues(LEVELS, WEIGHTS, 4.0, 2, 3000.0).fermi_level
    check_smeared(LEVELS, WEIGHTS, 2, 4.0, [fermi_level], Smearing("fermi-dirac", 3000 * kB))
    for wrong in ((1, fermi_level), (2, fermi_level + 4)):
        with pytest.raises(ValueError, match="electrons, but it says 4"):
            check_smeared(LEVELS, WEIGHTS, wrong[0], 4.0, [wrong[1]], Smearing(KINDS[0], 0.1))


def test_each_spin_is_filled_to_its_own_level():
    both = np.concatenate([LEVELS, LEVELS])
    check_smeared(both, WEIGHTS, 1, 4.0, [6.0, -0.5], Smearing(KINDS[2], 0.01))
    with pytest.raises(ValueError, match=r"hold 5\.\d+ electrons, but it says 4"):
        check_smeared(both, WEIGHTS, 1, 4.0, [6.0, 3.0], Smearing(KINDS[2], 0.01))


def test_the_highest_level_is_that_of_the_last_filled_band():
    check_filled(LEVELS, WEIGHTS, [2], 2.0)
    with pytest.raises(ValueError, match=r"is 2\.0000 eV, but the file says -2\.0000 eV"):
        check_filled(LEVELS, WEIGHTS, [2], -2.0)
    # points of weight zero count in some releases only
    for highest in (1.0, 2.0):
        check_filled(LEVELS, np.array([1.0, 0.0]), [2], highest)
    # nothing to compare: no band is filled as a whole, or there are too few
    check_filled(LEVELS, WEIGHTS, [1.5], 99.0)
    check_filled(LEVELS, WEIGHTS, [5], 99.0)


def test_counts_within_printed_digits_pass():
    check_count(300.003, 300.0)
    with pytest.raises(ValueError, match=r"hold 301\.00 electrons, but it says 300\.00"):
        check_count(301.0, 300.0)
