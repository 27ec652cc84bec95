"""Parameter file of LAMMPS fix ttm/mod: the fit, the entries, and LAMMPS reading them."""

import functools
import os
import shutil
import subprocess

import numpy as np
import pytest
from ase.units import _amu, _e, kB
from scipy.integrate import quad
from toy_metal import GAMMA, VOLUME

from ase_dos.adapters.lammps_ttm import ENTRIES, fit_gaussian_polynomial, write_ttm_mod
from ase_dos.spectra.dos import DOS

KNOWN = np.array([2.0, -1.9, 0.1, -0.02, 0.05, -0.003])  # C_0, a_0 to a_4
DAMPING = 0.25  # 1/(1000 K)


def known(t, coefficients=KNOWN):
    x = np.asarray(t) / 1000
    polynomial = sum(a * x**k for k, a in enumerate(coefficients[1:]))
    return coefficients[0] + polynomial * np.exp(-((DAMPING * x) ** 2))


def test_fit_recovers_a_curve_of_its_own_form():
    t = np.linspace(200, 12_000, 80)
    fit = fit_gaussian_polynomial(t, 1e-5 * known(t))
    assert fit.max_error < 1e-6
    assert fit.damping == pytest.approx(DAMPING, rel=1e-3)
    np.testing.assert_allclose(
        [fit.plateau, *fit.coefficients], 1e-5 * KNOWN, rtol=0.02, atol=1e-5 * 0.002
    )
    everywhere = np.linspace(0, 50_000, 500)
    np.testing.assert_allclose(fit(everywhere), 1e-5 * known(everywhere), rtol=1e-4)
    formula = eval(fit.expression(), {"exp": np.exp, "T": everywhere})
    np.testing.assert_allclose(formula, fit(everywhere), rtol=1e-5)


def insulator(t):
    energies = np.arange(-12.0, 30.0, 0.02)
    dos = DOS(energies, np.where(np.abs(energies) < 0.4, 0.0, 0.5), 5.8)
    return dos.electron_gas(t).heat_capacity


def d_band(t):
    energies = np.arange(-12.0, 60.0, 0.05)
    values = 0.11 * np.sqrt(np.clip(energies + 11.5, 0, None))
    values += 5.0 * np.exp(-0.5 * ((energies + 2.5) / 0.8) ** 2)
    n = np.trapezoid(values * (energies < 0), energies)
    return DOS(energies, values, n).electron_gas(t).heat_capacity


@pytest.mark.parametrize(
    ("curve", "highest", "error"),
    [(insulator, 13_000, 0.2), (d_band, 50_000, 0.1), (lambda t: 1e-8 * t, 13_000, 0.002)],
)
def test_fit_is_good_inside_and_tame_outside(curve, highest, error):
    """LAMMPS divides by C_e at any temperature it comes to."""
    t = np.linspace(300, highest, 100)
    c = curve(t)
    fit = fit_gaussian_polynomial(t, c)
    assert fit.rms_error <= fit.max_error < error
    deviations = (fit(t) - c) / np.maximum(c, 0.01 * c.max())
    np.testing.assert_allclose(np.abs(deviations).max(), fit.max_error, rtol=1e-6)
    assert (fit(np.linspace(0, 10 * highest, 5000)) >= 0.5e-4 * c.max()).all()  # 1e-4 on its grid
    outside = fit(np.linspace(highest, 20 * highest, 5000))
    assert (0.499 * c[-1] < outside).all()
    assert (outside < 2.01 * c[-1]).all()


def test_what_cannot_be_fitted():
    t = np.linspace(300, 3000, 10)
    with pytest.raises(ValueError, match="eight or more, rising"):
        fit_gaussian_polynomial(t[:5], t[:5])
    with pytest.raises(ValueError, match="eight or more, rising"):
        fit_gaussian_polynomial(t[::-1], t)
    with pytest.raises(ValueError, match="above 0, got -300"):
        fit_gaussian_polynomial(t, -t[::-1])


def entries_of(path):
    """Numbers of a parameter file by the first word of the lines before them."""
    lines = path.read_text().splitlines()
    assert not any(line.startswith("#") for line in lines)  # LAMMPS would not count those
    return {
        words.split(",")[0]: number for words, number in zip(lines[::2], lines[1::2], strict=True)
    }


def test_entries_of_the_parameter_file(metal, tmp_path):
    path = tmp_path / "al.ttm_mod"
    fit = write_ttm_mod(path, metal, 3e17, {"D_e": 20_000, "l_skin": 3})
    entries = entries_of(path)
    c_e = ["a_0", "a_1", "a_2", "a_3", "a_4", "C_0", "A"]
    assert list(entries) == [*c_e, *ENTRIES]
    assert float(entries["rho_e"]) == pytest.approx(metal.electrons / VOLUME)
    assert float(entries["n_ion"]) == pytest.approx(1 / VOLUME)
    assert (entries["l_skin"], entries["lsurface"], entries["D_e"]) == ("3", "0", "20000")
    # G = 3 n k gamma_p / m in SI
    friction = float(entries["gamma_p"]) * _amu * 1e12
    per_volume = 3 * kB * _e / (VOLUME * 1e-30)
    assert per_volume * friction / (26.9815385 * _amu) == pytest.approx(3e17, rel=1e-9)
    t = metal.temperatures
    other = write_ttm_mod(path, metal, 3e17, {"rho_e": 0.1})
    for curve, rho in ((fit, float(entries["rho_e"])), (other, 0.1)):
        np.testing.assert_allclose(curve(t) * rho, GAMMA * t / VOLUME, rtol=2 * fit.max_error)


def test_entries_that_cannot_be(metal, tmp_path):
    path = tmp_path / "al.ttm_mod"
    for coupling, entries, message in (
        (None, {}, "either the electron-phonon coupling G"),
        (1e17, {"gamma_p": 1.0}, "either the electron-phonon coupling G"),
        (-1e17, {}, "coupling: expected a number > 0"),
        (1e17, {"gamma_x": 1.0}, "no entry gamma_x"),
        (1e17, {"gamma_s": -1.0}, "gamma_s: expected a number >= 0"),
        (1e17, {"l_skin": 1.5}, "l_skin: expected a whole number"),
        (1e17, {"l_skin": 0}, "l_skin: expected a number > 0"),
        (1e17, {"lsurface": 5, "rsurface": 5}, "rsurface: expected more than lsurface"),
        (1e17, {"surface_movement": 1}, "needs T_e_min and lambda"),
    ):
        with pytest.raises(ValueError, match=message):
            write_ttm_mod(path, metal, coupling, entries)
    assert not path.exists()


@functools.cache
def lammps():
    """Path of a LAMMPS that has ``fix ttm/mod``, or None."""
    for folder in os.environ["PATH"].split(os.pathsep):
        program = shutil.which("lmp", path=folder)
        if program:
            done = subprocess.run([program, "-h"], capture_output=True, text=True, check=False)
            if "ttm/mod" in done.stdout:
                return program
    return None


needs_lammps = pytest.mark.skipif(
    lammps() is None, reason="no lmp with fix ttm/mod in PATH (package EXTRA-FIX of LAMMPS)"
)
INPUT = """
units {units}
lattice fcc {a}
region box block 0 4 0 4 0 4
create_box 1 box
create_atoms 1 box
mass 1 26.9815385
pair_style lj/cut 6.5
pair_coeff 1 1 0.392 2.62
velocity all create {ions} 4711 mom yes
fix 1 all nve
fix ttm all ttm/mod 12345 {file} 1 1 1 set {electrons} outfile {steps} Te
timestep 0.001
thermo_style custom step temp etotal f_ttm[1] f_ttm[2]
thermo_modify format float %.12g
thermo 20
run {steps}
"""


def lammps_output(folder, units="metal", **options):
    a = (4 * VOLUME) ** (1 / 3)
    script = INPUT.format(a=repr(a), file="al.ttm_mod", units=units, **options)
    (folder / "in.ttm").write_text(script)
    return subprocess.run(
        [lammps(), "-in", "in.ttm", "-log", "none"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def run_lammps(folder, **options):
    """Thermo output (rows, columns) of a run, and the electronic temperature at its end."""
    done = lammps_output(folder, **options)
    assert done.returncode == 0, done.stdout[-2000:]
    lines = done.stdout.splitlines()
    first = next(i for i, line in enumerate(lines) if line.split()[:2] == ["Step", "Temp"])
    last = next(i for i, line in enumerate(lines) if line.startswith("Loop time"))
    rows = np.array([line.split() for line in lines[first + 1 : last]], dtype=float)
    end = np.loadtxt(folder / f"Te.{options['steps']}")
    return rows, float(np.ravel(end)[-1])


def heat_between(fit, rho, low, high):
    """Energy (eV/Angstrom^3) that takes the electrons from one temperature to the other."""
    return rho * quad(fit, low, high, epsabs=0, epsrel=1e-10, limit=200)[0]


@needs_lammps
def test_lammps_puts_a_pulse_into_the_electrons_as_the_table_says(metal, tmp_path):
    intensity, tau = 2.5, 0.1005  # eV/ps/Angstrom^2, ps: a hundred steps
    fit = write_ttm_mod(
        tmp_path / "al.ttm_mod", metal, entries={"gamma_p": 1e-9, "I_0": intensity, "tau": tau}
    )
    rows, end = run_lammps(tmp_path, ions=10.0, electrons=1000.0, steps=200)
    assert np.isfinite(rows).all()
    length = 4 * (4 * VOLUME) ** (1 / 3)
    rho = metal.electrons / VOLUME
    # LAMMPS integrates the curve that was written: it reads every number as it was meant.
    assert rows[0, 3] == pytest.approx(heat_between(fit, rho, 0, 1000.0) * length**3, rel=1e-6)
    assert rows[-1, 3] == pytest.approx(heat_between(fit, rho, 0, end) * length**3, rel=1e-6)
    # T_e rises until the integral of the table is the heat absorbed: gamma (T^2 - T_0^2)/2.
    absorbed = intensity * 0.1 / length
    from_table = GAMMA / VOLUME * (end**2 - 1000.0**2) / 2
    assert end > 3000
    assert from_table == pytest.approx(absorbed, rel=0.01)  # LAMMPS takes steps of first order


@needs_lammps
def test_lammps_exchanges_heat_between_electrons_and_atoms(metal, tmp_path):
    write_ttm_mod(tmp_path / "al.ttm_mod", metal, coupling=5e18)
    rows, end = run_lammps(tmp_path, ions=300.0, electrons=8000.0, steps=400)
    assert np.isfinite(rows).all()
    ions, electrons = rows[-1, 2:4] - rows[0, 2:4]
    n = 256
    assert ions > 0.1 * n  # eV: it is far from nothing
    assert ions == pytest.approx(-electrons, rel=0.05)
    lost = n * GAMMA * (8000.0**2 - end**2) / 2
    assert lost == pytest.approx(-electrons, rel=0.01)
    assert rows[-1, 1] > 600


@needs_lammps
def test_lammps_refuses_the_file_in_other_units(metal, tmp_path):
    write_ttm_mod(tmp_path / "al.ttm_mod", metal, coupling=5e18)
    done = lammps_output(tmp_path, units="real", ions=300.0, electrons=8000.0, steps=1)
    assert done.returncode != 0
    assert "units" in (done.stdout + done.stderr).lower().split("error", 1)[1]
