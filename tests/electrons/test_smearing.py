"""Smearing of a DOS: warnings of its tails, and the correction of its bias."""

import warnings

import numpy as np
import pytest
from toy_dos import free_electrons, rough_metal

from ase_dos.electrons.gas import (
    gas_from_dos,
)


def smeared_gap(sigma, gap):
    from scipy.special import erfc

    e = np.arange(-8, 8.01, 0.05)
    root2 = sigma * np.sqrt(2)
    edge = 0.5 * gap
    g = 0.5 * (erfc((e + edge) / root2) + erfc((edge - e) / root2))
    g -= 0.5 * (erfc((e + 7) / root2) + erfc((7 - e) / root2))
    n = float(np.trapezoid(np.where(e < 0, g, 0), e)) + 0.025 * g[np.argmin(abs(e))]
    return e, np.where(np.abs(g) < 1e-12, 0, g), n


def test_smearing_in_a_gap_warns_with_the_factor():
    e, g, n = smeared_gap(0.3, 1.0)
    with pytest.warns(UserWarning, match=r"300 K.*smearing of 0.3 eV.*exp\(67"):
        gas_from_dos(e, g, n, np.array([300.0, 600.0]), smearing=0.3)


def test_smearing_of_a_metal_or_of_a_hot_gap_does_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        e, g = free_electrons()
        gas_from_dos(e, g, 12.0, np.array([1.0, 300.0, 3000.0]), smearing=0.3)
        e, g, n = smeared_gap(0.3, 1.0)
        gas_from_dos(e, g, n, 5000.0, smearing=0.3)
        gas_from_dos(e, g, n, 0.0, smearing=0.3)
        # A gap so wide that nothing is excited across it.
        e, g, n = smeared_gap(0.05, 6.0)
        gas_from_dos(e, g, n, 300.0, smearing=0.05)


def test_correction_of_the_smearing_recovers_the_gap():
    sigma, gap, t = 0.1, 1.0, 3000.0
    e, g, n = smeared_gap(sigma, gap)
    sharp_e, sharp_g, _ = smeared_gap(1e-3, gap)
    exact = gas_from_dos(sharp_e, sharp_g, n, t)
    raw = gas_from_dos(e, g, n, t, smearing=sigma)
    mended = gas_from_dos(e, g, n, t, smearing=sigma, correct_smearing=True)
    for name in ("entropy", "heat_capacity"):
        true = getattr(exact, name)
        assert abs(getattr(mended, name) - true) < 0.25 * abs(getattr(raw, name) - true), name
    with pytest.raises(ValueError, match=r"above sigma/k = 1160\.45 K"):
        gas_from_dos(e, g, n, 1000.0, smearing=sigma, correct_smearing=True)


def test_corrected_gas_keeps_the_thermodynamic_identities():
    e, g = rough_metal(0.05)
    t, h = 4000.0, 4.0
    gas = gas_from_dos(e, g, 11.0, t + h * np.arange(-2, 3), smearing=0.1, correct_smearing=True)
    stencil = np.array([1, -8, 0, 8, -1]) / (12 * h)
    assert -stencil @ gas.free_energy == pytest.approx(gas.entropy[2], rel=1e-7)
    assert t * (stencil @ gas.entropy) == pytest.approx(gas.heat_capacity[2], rel=1e-7)
