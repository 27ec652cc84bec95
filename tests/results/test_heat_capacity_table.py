"""C_e(T_e) averaged over structures, its written forms, and LAMMPS reading one of them."""

import functools
import os
import shutil
import subprocess
from types import SimpleNamespace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import write
from ase.units import _amu, _e, _Nav, kB
from scipy.integrate import quad
from toy_model import ToyModel, toy_frames

from ase_dos.adapters.lammps_ttm import ENTRIES, fit_gaussian_polynomial, write_ttm_mod
from ase_dos.cli import export
from ase_dos.cli.main import main
from ase_dos.results.heat_capacity_table import UNITS
from ase_dos.spectra.dos import DOS
from ase_dos.spectra.local_dos import LocalDOS
from ase_dos.trajectory.heat_capacity import heat_capacity_table
from ase_dos.utils.statistics import estimate_mean

VOLUME = 16.0  # Angstrom^3 per atom of the metal below
DENSITY = 2.0  # its states/eV per atom


class Metal:
    """As many states at every energy: C_e = pi^2/3 k^2 g T at any temperature far below the band.

    The first atom's x coordinate scales the DOS.
    """

    energies = np.arange(-30.0, 30.0, 0.05)

    def __init__(self):
        self.info = {"hash": "metal"}

    def predict(self, atoms):
        g = DENSITY * (1.0 + atoms.positions[0, 0])
        basis = np.full((1, self.energies.size), 1.0)
        return LocalDOS(
            np.full((len(atoms), 1), g), basis, self.energies, np.full(len(atoms), 30.0 * g)
        )

    def predict_ensemble(self, atoms, n_members):
        dos = self.predict(atoms).total()
        factors = 1.0 + 0.01 * (-1.0) ** np.arange(n_members)  # one per cent, up and down
        return SimpleNamespace(values=factors[:, None] * dos.values)


def metals(shifts=(0.0,), n=2):
    cell = np.cbrt(n * VOLUME) * np.eye(3)
    frames = [Atoms(f"Al{n}", np.zeros((n, 3)), cell=cell, pbc=True) for _ in shifts]
    for atoms, shift in zip(frames, shifts, strict=True):
        atoms.positions[0, 0] = shift
    return frames


@pytest.fixture(scope="module")
def metal():
    return heat_capacity_table(metals(), Metal(), lowest=100.0, highest=12_000.0, points=60)


GAMMA = np.pi**2 / 3 * kB**2 * DENSITY  # eV/K^2 per atom


def test_constant_dos_in_every_unit(metal):
    t = metal.temperatures
    np.testing.assert_allclose(metal.heat_capacity.mean, GAMMA * t, rtol=1e-6)
    np.testing.assert_allclose(metal.entropy.mean, GAMMA * t, rtol=1e-6)
    np.testing.assert_allclose(metal.internal_energy.mean, GAMMA * t**2 / 2, rtol=1e-6)
    np.testing.assert_allclose(metal.free_energy.mean, -GAMMA * t**2 / 2, rtol=1e-6)
    np.testing.assert_allclose(metal.chemical_potential.mean, 0, atol=1e-9)
    assert np.isnan(metal.heat_capacity.error).all()  # one structure
    # 2.3571 mJ/mol/K^2 for one state/eV/atom
    molar = 2.3571e-3 * DENSITY * t[-1]
    at_top = metal.heat_capacity.mean[-1]
    assert metal.factor("J/m^3/K") * at_top == pytest.approx(
        molar / (_Nav * VOLUME * 1e-30), rel=1e-4
    )
    assert metal.factor("J/kg/K") * at_top == pytest.approx(molar / 26.9815385e-3, rel=1e-4)
    assert metal.factor("eV/K/electron") * at_top == pytest.approx(
        molar / _Nav / _e / metal.electrons, rel=1e-4
    )
    with pytest.raises(ValueError, match=r"expected one of J/m\^3/K"):
        metal.factor("cal")


def test_mean_and_statistical_error_over_frames():
    rng = np.random.default_rng(0)
    shifts = np.zeros(200)
    for i in range(1, 200):  # correlated over some ten frames
        shifts[i] = 0.9 * shifts[i - 1] + rng.normal(0, 0.01)
    table = heat_capacity_table(metals(shifts), Metal(), lowest=500, highest=5000, points=4)
    series = GAMMA * (1 + shifts[:, None]) * table.temperatures
    np.testing.assert_allclose(table.heat_capacity.mean, series.mean(axis=0), rtol=1e-6)
    expected = estimate_mean(series[:, 1]).error
    naive = series[:, 1].std() / np.sqrt(200)
    assert table.heat_capacity.error[1] == pytest.approx(expected, rel=1e-5)
    assert table.heat_capacity.error[1] > 2 * naive
    assert table.n_structures == 200


def test_error_of_the_model_does_not_shrink_with_frames():
    frames = metals(np.linspace(-0.1, 0.1, 9))
    table = heat_capacity_table(frames, Metal(), lowest=500, highest=5000, points=3, n_members=8)
    capacity = table.heat_capacity
    np.testing.assert_allclose(capacity.model_error, 0.01 * capacity.mean, rtol=1e-4)
    assert (capacity.error > 2 * capacity.model_error).all()


def test_default_range_ends_where_the_energies_of_the_model_end():
    frames, model = toy_frames(3), ToyModel()
    table = heat_capacity_table(frames, model)
    highest = table.temperatures[-1]
    assert table.temperatures[0] == 300
    with pytest.raises(ValueError, match="supports up to") as error:
        heat_capacity_table(frames, model, highest=1.01 * highest)
    assert f"supports up to {highest:.4g} K" in str(error.value)
    every = [model.predict(atoms).total().electron_gas(table.temperatures) for atoms in frames]
    np.testing.assert_allclose(
        table.heat_capacity.mean,
        np.mean([gas.heat_capacity / 8 for gas in every], axis=0),
        rtol=1e-9,
    )


def test_shipped_model_and_its_uncertainty():
    frames = [bulk("Si", cubic=True) for _ in range(2)]
    for i, atoms in enumerate(frames):
        atoms.rattle(0.1, seed=i)
    table = heat_capacity_table(
        frames, "silicon", lowest=3000, highest=9000, points=3, n_members=16
    )
    capacity = table.heat_capacity
    assert (capacity.model_error > 0).all()
    assert (capacity.model_error < 0.1 * capacity.mean).all()
    assert table.electrons == 4
    assert table.volume == pytest.approx(bulk("Si").get_volume() / 2)


def test_what_cannot_be_averaged(tmp_path):
    model = ToyModel()
    with pytest.raises(ValueError, match="no frame among start=0"):
        heat_capacity_table([], model)
    strange = bulk("Ge", cubic=True)
    with pytest.raises(ValueError, match="frame 1 of structures in memory: atoms: unknown species"):
        heat_capacity_table([*toy_frames(1), strange], model)
    for options, message in (
        ({"lowest": -1}, "lowest temperature: expected a number > 0"),
        ({"highest": 200}, "expected more than 300 K, got 200 K"),
        ({"points": 1}, "points: expected 2 or more"),
        ({"n_members": 1}, "n_members: expected 0"),
        ({"lowest": 1e5}, "expected a lowest temperature below that"),
        ({"volume": 0}, "volume: expected a number > 0"),
    ):
        with pytest.raises(ValueError, match=message):
            heat_capacity_table(toy_frames(1), model, **options)

    class Hole(Metal):
        def predict(self, atoms):
            local = super().predict(atoms)
            basis = np.where(np.abs(self.energies) < 1, -1e-3, local.basis)
            valence = np.trapezoid(basis[0] * (self.energies < 0), self.energies) * DENSITY
            return LocalDOS(local.coefficients, basis, self.energies, valence + 0 * local.valence)

    with pytest.raises(ValueError, match=r"heat capacity at \d+ K is -.*take higher temperatures"):
        heat_capacity_table(metals(), Hole(), highest=1000)


def test_structures_without_a_volume(tmp_path):
    frames = metals()
    frames[0].pbc = [True, True, False]
    table = heat_capacity_table(frames, Metal(), highest=5000, points=10)
    table.write_csv(tmp_path / "all.csv")  # what needs no volume is written
    assert "J/m^3" not in (tmp_path / "all.csv").read_text()
    table.write_columns(tmp_path / "t.dat", "J/kg/K")
    for refused in (
        lambda: table.write_columns(tmp_path / "t.dat"),
        lambda: table.write_ttm_cascade(tmp_path / "t.ttm_cascade"),
        lambda: write_ttm_mod(tmp_path / "t.ttm_mod", table, 1e17),
    ):
        with pytest.raises(ValueError, match="not periodic in three dimensions"):
            refused()
    given = heat_capacity_table(frames, Metal(), highest=5000, points=10, volume=VOLUME)
    assert given.volume == VOLUME


def test_written_tables_are_read_back(metal, tmp_path):
    metal.write_columns(tmp_path / "a.dat", remarks=["said before"])
    t, c = np.loadtxt(tmp_path / "a.dat", unpack=True)
    np.testing.assert_allclose(t, metal.temperatures, rtol=1e-7)
    np.testing.assert_allclose(c, GAMMA * t * _e / (VOLUME * 1e-30), rtol=1e-6)
    header = [line for line in (tmp_path / "a.dat").read_text().splitlines() if line[0] == "#"]
    assert header[-2:] == ["# said before", "# T_e (K)  C_e (J/m^3/K)"]
    metal.write_ttm_cascade(tmp_path / "a.ttm_cascade")
    t, c = np.loadtxt(tmp_path / "a.ttm_cascade", unpack=True)
    density = float(
        next(x for x in (tmp_path / "a.ttm_cascade").read_text().splitlines() if "rho_e" in x)
        .split(":")[1]
        .split()[0]
    )
    np.testing.assert_allclose(c * density, GAMMA * t / VOLUME, rtol=1e-6)
    worst = metal.write_ttm_thermal(tmp_path / "a.ttm_thermal", 2e17, 90.0, (3, 1, 2))
    rows = np.loadtxt(tmp_path / "a.ttm_thermal")
    assert sorted(map(tuple, rows[:, :3])) == [(x, 1, z) for x in (1, 2, 3) for z in (1, 2)]
    assert (rows[:, 3:] == rows[0, 3:]).all()
    capacity, kappa, friction, response = rows[0, 3:]
    t = metal.temperatures[[0, -1]]
    assert capacity == pytest.approx(GAMMA * t.mean() / VOLUME)  # U(T) = gamma T^2 / 2
    assert worst == pytest.approx(1 - t[0] / t.mean())
    assert kappa * _e / 1e-12 / 1e-10 == pytest.approx(90.0)
    # dU/dt = 3 n k (gamma_p / m) (T_i - T_e) per volume is G (T_i - T_e), of which LAMMPS makes
    # the drag; masses in u
    exchanged = 3 * kB * friction * metal.inverse_mass / VOLUME
    assert exchanged * _e / 1e-12 / 1e-30 == pytest.approx(2e17)
    assert response == 0
    metal.write_csv(tmp_path / "a.csv")
    rows = np.genfromtxt(tmp_path / "a.csv", delimiter=",", names=True, deletechars="")
    np.testing.assert_allclose(rows["C_e_(eV/K/atom)"], GAMMA * rows["T_(K)"], rtol=1e-6)
    assert np.isnan(rows["S_statistical_error_(eV/K/atom)"]).all()


# -- the form of fix ttm/mod -----------------------------------------------------------------

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


# -- the command -----------------------------------------------------------------------------


@pytest.fixture
def trajectory(tmp_path):
    frames = [bulk("Si", cubic=True) for _ in range(3)]
    for i, atoms in enumerate(frames):
        atoms.rattle(0.1, seed=i)
    write(tmp_path / "md.extxyz", frames)
    return tmp_path / "md.extxyz"


def test_command_writes_what_the_names_say(trajectory, tmp_path, capsys):
    outputs = [
        tmp_path / f"si{end}"
        for end in (".csv", ".dat", ".ttm_mod", ".ttm_cascade", ".ttm_thermal")
    ]
    named = [word for path in outputs for word in ("-o", str(path))]
    main(
        [
            "export",
            f"{trajectory}@0:2",
            *named,
            "--from",
            "3000",
            "--points",
            "20",
            "--coupling",
            "1e17",
            "--set",
            "gamma_s=0.5",
            "--unit",
            "J/kg/K",
        ]
    )
    printed = capsys.readouterr().out
    assert "2 structures, 4 electrons per atom" in printed
    assert "si.ttm_mod: fit of C_e with errors of" in printed
    assert "si.ttm_thermal: one C_e, from which the table deviates by" in printed
    assert all(path.exists() for path in outputs)
    assert entries_of(outputs[2])["gamma_s"] == "0.5"
    expected = heat_capacity_table(str(trajectory), "silicon", stop=2, lowest=3000, points=20)
    _, c = np.loadtxt(outputs[1], unpack=True)
    np.testing.assert_allclose(
        c, expected.factor("J/kg/K") * expected.heat_capacity.mean, rtol=1e-6
    )


def test_command_refuses_before_it_works(trajectory, tmp_path, capsys):
    good = ["-o", str(tmp_path / "a.ttm_mod")]
    thermal = ["-o", str(tmp_path / "a.ttm_thermal"), "--coupling", "1e17"]
    for words, message in (
        (["-o", str(tmp_path / "a.xyz")], "expected a name that ends with .csv"),
        (["-o", str(tmp_path / "no" / "a.csv")], "no directory"),
        (["-o", str(tmp_path / "a.csv"), "--coupling", "1e17"], "belongs to a file named"),
        (["-o", str(tmp_path / "a.csv"), "--set", "D_e=1"], "belongs to a .ttm_mod file"),
        (
            ["-o", str(tmp_path / "a.ttm_thermal")],
            "ttm/thermal: expected the electron",
        ),
        (["-o", str(tmp_path / "a.csv"), "--grid", "2", "2", "1"], "belong to a .ttm_thermal"),
        ([*thermal, "--grid", "2", "0", "1"], "grid"),
        ([*thermal, "--conductivity", "-1"], "conductivity"),
        ([*good, "--set", "D_e"], "expected NAME=VALUE"),
        ([*good, "--coupling", "1e17", "--to", "1e6"], "supports up to"),
        (good, "either the electron-phonon coupling"),
        ([*good, "--points", "7"], "--points: expected 8 or more"),
        ([*good, "--unit", "cal/K"], "invalid choice: 'cal/K'"),
    ):
        with pytest.raises(SystemExit):
            main(["export", str(trajectory), "--from", "3000", *words])
        assert message in capsys.readouterr().err
    assert not (tmp_path / "a.ttm_mod").exists()
    assert export.UNITS == UNITS


# -- LAMMPS ----------------------------------------------------------------------------------


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
