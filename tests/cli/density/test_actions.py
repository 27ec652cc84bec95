"""``ase-dos density``, and trajectories with a density model."""

import csv

import ase.io
import numpy as np
import pytest
from ase.io.cube import read_cube
from ase.units import Debye
from command_line import fails, is_png
from toy_density_model import ToyDensityModel

from ase_dos.cli.main import main
from ase_dos.density.density import Density
from ase_dos.density.model import DensityModel
from ase_dos.results.result import TrajectoryResult


def test_training_tells_its_errors(densities, tmp_path, capsys):
    path = tmp_path / "model.npz"
    options = ["--groups", "family", "--metric", "overlap", "--validation", "0.25", "-q"]
    small = ["--cutoff", "3", "--max-radial", "3", "--max-angular", "2", "--sparse-points", "4"]
    main(["density", "train", str(densities), "-o", str(path), *options, *small])
    printed = capsys.readouterr().out
    assert "training on 12 molecules in toy" in printed
    assert "leave-one-out error" in printed
    assert "validation: 4 molecules" in printed
    model = DensityModel.load(path)
    assert model.options.metric == "overlap"
    assert model.options.descriptor.max_radial == 3
    assert model.info["n_groups"] == 2
    assert model.info["validation"]["n_structures"] == 4


def test_evaluation_by_family(model, densities, tmp_path, capsys):
    main(["density", "evaluate", str(model), str(densities), "-o", str(tmp_path / "out")])
    printed = capsys.readouterr().out
    assert printed.startswith("16 molecules")
    assert "cold: 6 molecules" in printed
    assert "hot: 10 molecules" in printed
    assert is_png(tmp_path / "out" / "dipoles.png")
    with open(tmp_path / "out" / "errors.csv") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 16
    assert rows[3]["molecule"].endswith("water.npz, molecule 3 (water-3)")
    assert abs(float(rows[3]["electrons too many"])) < 1e-9


def test_families_can_be_chosen(model, densities, capsys):
    main(["density", "evaluate", str(model), str(densities), "--families", "cold"])
    assert capsys.readouterr().out.startswith("6 molecules")
    line = fails(capsys, "density", "evaluate", model, densities, "--families", "cold", "warm")
    assert "--families: no molecule of warm; there are cold, hot" in line


def test_model_tells_what_it_is(model, capsys):
    main(["info", str(model)])
    printed = capsys.readouterr().out
    assert "leave_one_out_percent" in printed
    assert "basis                  toy" in printed


def test_prediction_of_a_molecule(model, water, tmp_path, capsys):
    file, cube = tmp_path / "density.npz", tmp_path / "density.cube"
    options = ["-o", str(file), "--cube", str(cube), "--spacing", "0.3"]
    main(["density", "predict", f"{water}@7", "--model", str(model), *options])
    printed = capsys.readouterr().out
    assert "OH2, 10.000000 electrons" in printed
    atoms = ase.io.read(water, index=7)
    exact = np.linalg.norm(ToyDensityModel().dipole(atoms)) / Debye
    assert float(printed.splitlines()[1].split()[2]) == pytest.approx(exact, abs=0.02)
    density = Density.load(file)
    np.testing.assert_allclose(density.positions, atoms.positions, atol=1e-6)
    with open(cube) as stream:
        assert read_cube(stream)["data"].min() >= -1e-3


def test_trajectory_plot_and_spectrum(model, water, tmp_path, capsys):
    out, figures = str(tmp_path / "md.zarr"), str(tmp_path / "figures")
    command = ["trajectory", str(water), "--density-model", str(model), "--members", "4", "-q"]
    main([*command, "-o", out])
    assert "|dipole moment| (D)" in capsys.readouterr().out
    result = TrajectoryResult.load(out)
    exact = [ToyDensityModel().dipole(a) for a in ase.io.iread(water)]
    np.testing.assert_allclose(result.dipole, exact, atol=0.01)
    assert result.dipole_member.shape == (300, 3, 4)
    main(["plot", out, "-o", figures])
    assert is_png(tmp_path / "figures" / "dipoles.png")
    main(["spectrum", out, "-T", "300", "--resolution", "100"])
    band = capsys.readouterr().out.splitlines()[-2].split()
    assert float(band[0]) == pytest.approx(1500, abs=5)
    main(["info", out])
    assert "density_model" in capsys.readouterr().out


def test_bad_input(model, densities, water, tmp_path, capsys, dataset):
    out = tmp_path / "m.npz"
    line = fails(capsys, "density", "train", dataset, "-o", out)
    assert "not a file of densities" in line
    line = fails(capsys, "density", "train", densities, "-o", out, "--groups", "kind")
    assert "--groups: " in line
    assert "no 'kind' in its info" in line
    line = fails(capsys, "density", "predict", water, "--model", "silicon")
    assert "shipped models (water-density)" in line
    line = fails(capsys, "density", "predict", water, "--model", model, "--cube", out)
    assert ".cube" in line
    line = fails(
        capsys, "trajectory", water, "--density-model", model, "-o", tmp_path / "r", "--local"
    )
    assert "local: takes a DOS model" in line
