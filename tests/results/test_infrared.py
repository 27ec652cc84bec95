"""Infrared spectra against vibrations of known frequency and intensity."""

from io import StringIO

import numpy as np
import pytest
from ase import Atoms, units
from ase.calculators.calculator import Calculator, all_changes
from ase.md.verlet import VelocityVerlet
from ase.vibrations import Infrared
from scipy import constants
from scipy.linalg import expm
from toy_dipoles import LIGHT, oscillation

from ase_dos.results.infrared import infrared_spectrum

KELVIN = 250.0


def intensity(squared_velocity, temperature=KELVIN):
    """Integral (km/mol) that belongs to <|dM/dt|^2> in (e Angstrom/fs)^2: N_A/(12 eps_0 c^2 kT)."""
    si = squared_velocity * (constants.e * 1e-10 / 1e-15) ** 2
    metres = constants.N_A * si / (12 * constants.epsilon_0 * constants.c**2)
    return metres / (constants.k * temperature) / 1000


@pytest.mark.parametrize(("timestep", "resolution"), [(1.0, 20.0), (2.5, 20.0), (2.5, 40.0)])
def test_oscillators_have_their_frequencies_and_intensities(timestep, resolution):
    time = np.arange(0, 6000, timestep)
    lines = {500.0: 0.3, 1600.0: 0.02, 3700.0: 0.01}
    dipoles = 0.4 + sum(oscillation(nu, a, time, phase=nu) for nu, a in lines.items())
    spectrum = infrared_spectrum(dipoles, timestep, KELVIN, resolution=resolution)
    bands = spectrum.bands(least=1e-3)
    assert len(bands) == len(lines)
    for band, (nu, amplitude) in zip(bands, lines.items(), strict=True):
        assert band.wavenumber == pytest.approx(nu, abs=resolution / 20)
        assert band.width == pytest.approx(resolution, rel=0.02)
        exact = intensity((2 * np.pi * LIGHT * nu * amplitude) ** 2 / 2)
        assert band.intensity == pytest.approx(exact, rel=0.01)
        assert band.intensity_error < 0.02 * band.intensity
    assert (spectrum.values >= 0).all()


def test_integral_is_the_sum_rule():
    rng = np.random.default_rng(1)
    time = np.arange(0, 20_000, 2.0)
    velocity = np.zeros((time.size, 3))
    dipoles = np.zeros((time.size, 3))
    for nu in rng.uniform(50, 4000, 400):
        amplitude, phase = rng.normal(size=3) / nu, rng.uniform(0, 2 * np.pi)
        omega = 2 * np.pi * LIGHT * nu
        dipoles += np.outer(np.cos(omega * time + phase), amplitude)
        velocity -= omega * np.outer(np.sin(omega * time + phase), amplitude)
    spectrum = infrared_spectrum(dipoles, 2.0, KELVIN, resolution=50.0)
    exact = intensity((velocity**2).sum(axis=1).mean())
    assert spectrum.intensity(0, np.inf)[0] == pytest.approx(exact, rel=0.01)
    bands = spectrum.bands()
    assert sum(b.intensity for b in bands) == pytest.approx(spectrum.intensity(0, np.inf)[0])


def damped(steps, nu, damping, timestep, rng):
    """Coordinates (steps, 3) of Langevin oscillators with <|v|^2> = 3 kT/m = 3, exactly."""
    omega = 2 * np.pi * LIGHT * nu
    step = expm(timestep * np.array([[0.0, 1.0], [-(omega**2), -damping]]))
    stationary = np.diag([1 / omega**2, 1.0])
    root = np.linalg.cholesky(stationary - step @ stationary @ step.T)
    state = np.sqrt(stationary) @ rng.normal(size=(2, 3))
    found = np.empty((steps, 3))
    for i in range(steps):
        found[i] = state[0]
        state = step @ state + root @ rng.normal(size=(2, 3))
    return found


def test_damped_oscillator_has_its_line_within_the_errors():
    nu, damping, timestep = 1000.0, 0.02, 2.0  # 1/cm, 1/fs, fs
    x = damped(60_000, nu, damping, timestep, np.random.default_rng(3))
    spectrum = infrared_spectrum(x, timestep, KELVIN, resolution=12.0)
    omega, own = 2 * np.pi * LIGHT * spectrum.wavenumbers, 2 * np.pi * LIGHT * nu
    line = damping * omega**2 / ((omega**2 - own**2) ** 2 + (damping * omega) ** 2)  # of <v v>
    exact = intensity(3.0) * 4 * line * LIGHT  # integral over wavenumbers: that of <|v|^2> = 3
    shown = (spectrum.wavenumbers > 600) & (spectrum.wavenumbers < 1400)
    pulls = ((spectrum.values - exact) / spectrum.error)[shown]
    assert 0.75 < np.sqrt(np.mean(pulls**2)) < 1.35
    (band,) = spectrum.bands()
    assert band.width == pytest.approx(damping / (2 * np.pi * LIGHT), rel=0.15)
    assert band.intensity == pytest.approx(intensity(3.0), rel=0.05)


class Springs(Calculator):
    """Three atoms with harmonic bonds and fixed charges."""

    implemented_properties = ["energy", "forces", "dipole"]  # noqa: RUF012
    charges = np.array([-0.6, 0.2, 0.4])
    pairs = ((0, 1, 20.0), (0, 2, 30.0), (1, 2, 8.0))
    lengths = (1.0, 1.1, 1.6)

    def calculate(self, atoms=None, properties=(), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        r, energy = self.atoms.positions, 0.0
        forces = np.zeros_like(r)
        for (i, j, k), length in zip(self.pairs, self.lengths, strict=True):
            d = r[j] - r[i]
            distance = np.sqrt(d @ d)
            energy += 0.5 * k * (distance - length) ** 2
            pull = k * (1 - length / distance) * d
            forces[i] += pull
            forces[j] -= pull
        self.results = {"energy": energy, "forces": forces, "dipole": self.charges @ r}


def test_molecular_dynamics_gives_the_normal_modes(tmp_path):
    """Frequencies and intensities of ASE's finite differences, each mode with the energy kT."""
    cosine = (1.0**2 + 1.1**2 - 1.6**2) / (2 * 1.0 * 1.1)
    places = [[0, 0, 0], [1, 0, 0], [1.1 * cosine, 1.1 * np.sqrt(1 - cosine**2), 0]]
    atoms = Atoms("OC2", places, calculator=Springs())
    modes = Infrared(atoms, name=str(tmp_path / "modes"), delta=0.002)
    modes.run()
    modes.summary(log=StringIO())
    kelvin = 0.5
    masses = atoms.get_masses()[:, None]
    vectors = modes.modes[-3:].reshape(3, 3, 3)  # orthonormal in mass-weighted coordinates
    atoms.set_momenta(np.sqrt(2 * units.kB * kelvin * masses) * vectors.sum(axis=0))
    dipoles = [atoms.get_dipole_moment() for _ in VelocityVerlet(atoms, 0.8 * units.fs).irun(2200)]
    spectrum = infrared_spectrum(dipoles, 0.8, kelvin, resolution=30.0)
    bands = spectrum.bands(least=1e-3)
    assert len(bands) == 3
    expected = 42.2561 * modes.intensities[-3:]  # from (D/Angstrom)^2/amu
    half = np.pi * LIGHT * 0.8  # Verlet's algorithm has frequencies of its own
    shifted = np.arcsin(half * modes.get_frequencies()[-3:].real) / half
    for band, nu, strength in zip(bands, shifted, expected, strict=True):
        assert band.wavenumber == pytest.approx(nu, abs=0.5)
        assert band.intensity == pytest.approx(strength, rel=0.02)


def test_runs_count_as_blocks_of_one_spectrum():
    time = np.arange(0, 4000, 2.0)
    runs = [oscillation(1500.0, a, time) for a in (0.02, 0.03)]
    both = infrared_spectrum(runs, 2.0, KELVIN, resolution=15.0)
    each = [infrared_spectrum(run, 2.0, KELVIN, resolution=15.0) for run in runs]
    np.testing.assert_allclose(both.values, (each[0].values + each[1].values) / 2)
    assert np.isnan(each[0].error).all()
    assert np.isfinite(both.error).all()
    short = oscillation(1500.0, 0.5, time[:100])
    longer = infrared_spectrum([*runs, short], 2.0, KELVIN, resolution=15.0)
    np.testing.assert_array_equal(longer.blocks, both.blocks)


def test_lines_that_keep_their_energy_have_the_error_of_the_runs():
    rng, time = np.random.default_rng(5), np.arange(0, 4000, 2.0)
    amplitudes = 0.02 * rng.uniform(0.5, 1.5, 6)
    runs = [oscillation(1500.0, a, time, phase=rng.uniform(0, 6)) for a in amplitudes]
    spectrum = infrared_spectrum(runs, 2.0, KELVIN, resolution=60.0)
    assert len(spectrum.blocks) == 6 * 8
    (band,) = spectrum.bands()
    omega = 2 * np.pi * LIGHT * 1500.0
    each = np.array([intensity((omega * a) ** 2 / 2) for a in amplitudes])
    assert band.intensity == pytest.approx(each.mean(), rel=0.01)
    assert band.intensity_error == pytest.approx(each.std(ddof=1) / np.sqrt(6), rel=0.05)


def test_members_have_spectra_of_their_own():
    time = np.arange(0, 4000, 2.0)
    run = oscillation(1500.0, 0.02, time)
    factors = np.array([0.9, 1.0, 1.1])
    spectrum = infrared_spectrum(
        [run], 2.0, KELVIN, resolution=20.0, members=[run[..., None] * factors]
    )
    np.testing.assert_allclose(spectrum.members, np.outer(factors**2, spectrum.values), atol=1e-12)
    expected = np.sqrt(np.mean((factors**2 - 1) ** 2)) * spectrum.values
    np.testing.assert_allclose(spectrum.model_error, expected, atol=1e-9)


def test_cross_section_is_the_intensity_of_one_molecule():
    time = np.arange(0, 4000, 2.0)
    spectrum = infrared_spectrum(oscillation(1500.0, 0.02, time), 2.0, KELVIN, resolution=20.0)
    square_centimetres = spectrum.values * 1e5 / constants.N_A  # 1 km/mol = 1e5 cm/mol
    np.testing.assert_allclose(spectrum.cross_section, square_centimetres * 1e16, rtol=1e-7)


def test_table_holds_the_spectrum(tmp_path):
    time = np.arange(0, 6000, 2.0)
    spectrum = infrared_spectrum(oscillation(1500.0, 0.02, time), 2.0, KELVIN, resolution=20.0)
    spectrum.write_csv(tmp_path / "spectrum.csv")
    table = np.genfromtxt(tmp_path / "spectrum.csv", delimiter=",", skip_header=1)
    np.testing.assert_allclose(table[:, 0], spectrum.wavenumbers, rtol=1e-5)
    np.testing.assert_allclose(table[:, 1], spectrum.values, rtol=1e-5)
    assert "1500.0" in spectrum.table()


@pytest.mark.parametrize(
    ("dipoles", "options", "message"),
    [
        (np.zeros((50, 3)), {}, "the longest run without a gap has 50. Expected 490 to"),
        (np.zeros((50, 2)), {}, "dipoles: expected shape"),
        ([], {}, "at least one run"),
        (np.zeros((50, 3)), {"temperature": 0.0}, "temperature: expected a number > 0"),
        (np.zeros((50, 3)), {"timestep": -1.0}, "timestep: expected a number > 0"),
        (np.full((50, 3), np.nan), {}, "150 of 150 values are NaN"),
    ],
)
def test_bad_input_is_refused(dipoles, options, message):
    with pytest.raises(ValueError, match=message):
        infrared_spectrum(dipoles, **{"timestep": 2.0, "temperature": 300.0, **options})
