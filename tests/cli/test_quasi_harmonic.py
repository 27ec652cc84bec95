"""``ase-dos export`` of free energies along volumes for phonopy."""

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.io import write
from ase.units import Bohr
from command_line import fails
from dft_files import changed, saved
from paths import REPOSITORY

from ase_dos.adapters.phonopy import read_e_v
from ase_dos.cli.main import main
from ase_dos.io import read_states
from ase_dos.model.loading import load_model

SIDES = (3.9, 3.97, 4.04, 4.11, 4.18)
pytestmark = pytest.mark.filterwarnings("ignore::ase_dos.electrons.smearing.SmearingWarning")


@pytest.fixture
def crystals(tmp_path):
    """Cells of four atoms with their energies."""
    cells = [bulk("Al", a=side, cubic=True) for side in SIDES]
    for atoms in cells:
        atoms.calc = EMT()
        atoms.get_potential_energy()
    write(tmp_path / "volumes.extxyz", cells)
    return cells


def export(folder, *words):
    main(["export", "--model", "aluminium", *map(str, words), "-o", f"{folder}/fe-v.dat"])
    return np.loadtxt(folder / "fe-v.dat", unpack=True)


def phonons(path, n_atoms, temperatures):
    """Lines that thermal_properties.yaml of phonopy has."""
    rows = "".join(f"- temperature:   {t:15.7f}\n  free_energy: 1.0\n" for t in temperatures)
    path.write_text(f"natom: {n_atoms:<5}\nnum_modes: 3\n\nthermal_properties:\n{rows}\n")
    return path


def test_free_energies_of_a_model_in_the_cell_of_the_phonons(crystals, tmp_path, capsys):
    """A primitive cell at the temperatures of phonopy, and the energies of that cell."""
    yaml = phonons(tmp_path / "thermal_properties.yaml", 1, (0.0, 300.0, 900.0))
    volumes = tmp_path / "volumes.extxyz"
    temperatures, *values = export(tmp_path, volumes, "--phonons", yaml, "-o", tmp_path / "e-v.dat")
    assert "5 volumes of 1 atoms, 0 to 900 K" in capsys.readouterr().out
    np.testing.assert_allclose(temperatures, (0, 300, 900))
    cells, energies = read_e_v(tmp_path / "e-v.dat")
    np.testing.assert_allclose(cells, np.array(SIDES) ** 3 / 4, atol=1e-7)
    model = load_model("aluminium")
    for atoms, energy, value in zip(crystals, energies, values, strict=True):
        assert energy == pytest.approx(atoms.get_potential_energy() / 4, abs=1e-7)
        gas = model.predict(atoms).total().electron_gas([0.0, 900.0])
        assert value[0] == pytest.approx(energy, abs=1e-7)
        assert value[-1] - value[0] == pytest.approx(np.diff(gas.free_energy)[0] / 4, abs=3e-8)
        # Sommerfeld: -pi^2/6 g(E_F) (kT)^2 with some 0.4 states/eV per atom
        assert -0.005 < value[-1] - value[0] < -0.003


def test_free_energies_of_dft_outputs(tmp_path, capsys):
    """Outputs of pw.x in cells that are scaled by hand, with energies from another file."""
    text = (REPOSITORY / "tests/data/states/al.pwo").read_text()
    scales = (0.97, 0.98, 0.99, 1.0, 1.01)
    for i, scale in enumerate(scales):
        longer = f"celldm(1)=   {5.398402 * scale:.6f}"
        saved(tmp_path / f"al_{i}.pwo", changed(text, ("celldm(1)=   5.398402", longer)))
    volumes = 111.2451 * Bohr**3 * np.array(scales) ** 3
    np.savetxt(tmp_path / "e-v.dat", np.column_stack([4 * volumes, np.arange(5.0)]))
    temperatures, *values = export(
        tmp_path,
        *sorted(tmp_path.glob("al_*.pwo")),
        "--energies",
        tmp_path / "e-v.dat",
        "--to",
        "2000",
    )
    assert "levels of 5 DFT outputs; no model is used" in capsys.readouterr().out
    np.testing.assert_allclose(temperatures, np.linspace(0, 2000, 101))
    gas = read_states(tmp_path / "al_0.pwo").electron_gas([0.0, 2000.0])
    for energy, value in enumerate(values):
        assert value[-1] - energy == pytest.approx(4 * np.diff(gas.free_energy)[0], abs=1e-7)


def test_command_refuses_what_does_not_belong_together(crystals, tmp_path, capsys):
    volumes, output = tmp_path / "volumes.extxyz", tmp_path / "fe-v.dat"
    yaml = phonons(tmp_path / "thermal_properties.yaml", 1, (0.0, 300.0))
    np.savetxt(tmp_path / "e-v.dat", [[atoms.get_volume(), 0.0] for atoms in crystals])
    levels = REPOSITORY / "tests/data/states/al.pwo"
    for words, message in (
        (["-o", tmp_path / "c.csv"], "--output: expected fe-v.dat or e-v.dat alone, got "),
        (["--coupling", "1e17"], "--coupling: has no meaning with fe-v.dat"),
        (["--set", "D_e=1"], "--set: has no meaning with fe-v.dat"),
        (["--on-error", "skip"], "--on-error: has no meaning with fe-v.dat"),
        (["--phonons", yaml, "--to", "900"], "--to: has no meaning with --phonons"),
        (["--phonons", yaml, yaml], "--phonons: expected a file for each of 5 volumes, or one"),
        (["--from", "900", "--to", "300"], "--to: expected more than 900 K, got 300"),
        ([levels], "expected DFT outputs or structures, got both"),
        (["--stop", "4"], "phonopy needs 5 or more for its equation of state, got 4"),
        (
            ["--phonons", yaml, "--energies", tmp_path / "e-v.dat"],
            "its cells have 4 atoms, those of",
        ),
        (["-o", tmp_path / "e-v.dat", "--energies", tmp_path / "e-v.dat"], "is an input"),
        (["--model", "silicon"], "frame 0 of"),
    ):
        line = fails(capsys, "export", "--model", "aluminium", "-o", output, volumes, *words)
        assert message in line
    assert not output.exists()
    for words, message in (
        (["--energies", tmp_path / "e-v.dat"], "are for fe-v.dat; no --output has this end"),
        ([volumes], "expected one file of structures, got 2"),
    ):
        line = fails(capsys, "export", "-o", tmp_path / "c.csv", volumes, *words)
        assert message in line
