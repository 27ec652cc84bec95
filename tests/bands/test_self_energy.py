"""Widths of lines along a branch of a band, and what xARPES makes of them."""

import numpy as np
import pytest
from scipy.special import voigt_profile

from ase_dos.bands import BandMap, LineProfile, ReconstructedBands, band_line

pytest.importorskip("xarray")

K = np.linspace(0.3, 0.8, 60)
E = np.linspace(-2.0, 0.6, 261)
VELOCITY = 2.5  # eV Angstrom
BAND = VELOCITY * (K - 0.75) - 0.05
WIDTHS = 0.04 + 0.1 * BAND**2  # of the Lorentzian
OTHER = np.full_like(BAND, -1.7)
GAUSS = 0.03
PREF = 3.80998  # hbar^2 / 2m in eV Angstrom^2


def spectra(counts, seed=0):
    step = E[1] - E[0]
    rate = counts * voigt_profile(E - BAND[:, None], GAUSS, WIDTHS[:, None])
    rate += 0.5 * counts * voigt_profile(E - OTHER[:, None], GAUSS, 0.08)
    rate = rate * step + 0.3
    values = np.random.default_rng(seed).poisson(rate)
    return BandMap.from_arrays(values, E, k=K, counts=True)


def found(counts, **changed):
    energies = np.stack([OTHER, BAND])
    values = {
        "energies": energies,
        "theory": energies,
        "momenta": (K,),
        "amplitudes": np.stack([0.5 * counts + 0 * K, counts + 0 * K]),
        "std": np.full_like(energies, 0.002),
        "profile": LineProfile(GAUSS, 0.08),
    }
    return ReconstructedBands(**{**values, **changed})


def test_widths_are_those_of_the_lines():
    line = band_line(spectra(4000), found(4000), 1, between=(0.3, 0.8))
    pull = (line.widths - WIDTHS) / line.width_std
    assert 0.5 < pull.std() < 1.6
    assert abs(pull.mean()) < 0.6
    assert np.abs(line.widths / WIDTHS - 1).mean() < 0.06
    np.testing.assert_allclose(line.amplitudes, 4000, rtol=0.1)
    np.testing.assert_allclose(line.slopes, VELOCITY, rtol=1e-6)
    np.testing.assert_array_equal(line.energies, BAND)


def test_xarpes_finds_the_self_energy_of_a_linear_band():
    """Its formulas (xarpes/selfenergies.py): k = sqrt(Ekin / PREF) sin(peak),
    imag = v sqrt(Ekin / PREF) broadening, real = E - v (k - kF)."""
    line = band_line(spectra(4000), found(4000), 1, between=(0.3, 0.8))
    given = line.to_xarpes(16.9, 20.0, fermi_velocity=VELOCITY, fermi_wavevector=0.77)
    kinetic, properties = given["ekin_range"], given["properties"]
    assert (np.diff(kinetic) > 0).all()
    np.testing.assert_allclose(kinetic - given["hnuminPhi"], line.energies)
    length = np.sqrt(kinetic / PREF)
    k = length * np.sin(np.deg2rad(properties["peak"]))
    np.testing.assert_allclose(k, line.momenta, rtol=1e-5)
    velocity = given["parameters"]["fermi_velocity"]
    np.testing.assert_allclose(velocity * length * properties["broadening"], line.widths, rtol=1e-5)
    real = line.energies - velocity * (k - given["parameters"]["fermi_wavevector"])
    np.testing.assert_allclose(real, 0.0, atol=1e-4)
    sigma = length * np.cos(np.deg2rad(properties["peak"])) * np.deg2rad(properties["peak_sigma"])
    np.testing.assert_allclose(sigma, 0.002 / VELOCITY, rtol=1e-4)
    assert properties["_class"] == "SpectralLinear"
    assert given["energy_resolution"] == GAUSS


def test_branch_that_falls_and_map_over_two_momenta():
    mirrored = BandMap.from_arrays(
        np.stack([spectra(2000).values[::-1]] * 2, axis=1), E, kx=-K[::-1], ky=[0, 1], counts=True
    )
    bands = found(2000)
    two = {
        name: np.stack([getattr(bands, name)[:, ::-1]] * 2, axis=2)
        for name in ("energies", "theory", "amplitudes", "std")
    }
    line = band_line(
        mirrored,
        found(2000, momenta=(-K[::-1], [0.0, 1.0]), **two),
        1,
        between=(-0.8, -0.3),
        at=0.9,
    )
    assert (line.slopes < 0).all()
    assert (np.diff(line.energies) > 0).all()
    np.testing.assert_allclose(line.momenta, -K)
    given = line.to_xarpes(16.9, 20.0)
    assert (given["properties"]["peak"] < 0).all()
    assert (given["properties"]["broadening"] > 0).all()
    assert given["parameters"] == {}


def test_what_does_not_fit():
    band_map, bands = spectra(500), found(500)
    with pytest.raises(ValueError, match="does not rise or fall all the way"):
        band_line(band_map, bands, 0, between=(0.3, 0.8))
    with pytest.raises(ValueError, match="between: 2 momenta"):
        band_line(band_map, bands, 1, between=(0.3, 0.31))
    with pytest.raises(ValueError, match="none for one"):
        band_line(band_map, bands, 1, between=(0.3, 0.8), at=0.0)
    with pytest.raises(ValueError, match="needs counts"):
        band_line(BandMap.from_arrays(band_map.values, E, k=K), bands, 1, between=(0.3, 0.8))
    with pytest.raises(ValueError, match="band: expected 0 to 1"):
        band_line(band_map, bands, 2, between=(0.3, 0.8))
    line = band_line(band_map, bands, 1, between=(0.5, 0.8))
    with pytest.raises(ValueError, match="cannot have momenta up to"):
        line.to_xarpes(1.5, 20.0)
    with pytest.raises(ValueError, match="less than the band lies below"):
        line.to_xarpes(0.2, 20.0)
