"""``ase-dos spectrum``."""

import numpy as np
import pytest
from command_line import fails, is_png
from toy_dipoles import oscillation, store_dipoles

from ase_dos.cli.main import main

TIME = np.arange(0, 2000, 2.0)


@pytest.fixture
def result(tmp_path):
    return store_dipoles(tmp_path / "md.zarr", oscillation(1500.0, 0.02, TIME), TIME)


def test_bands_table_and_figure(result, tmp_path, capsys):
    table, figure = tmp_path / "spectrum.csv", tmp_path / "spectrum.png"
    main(["spectrum", str(result), "-T", "300", "--resolution", "60"])
    printed = capsys.readouterr().out
    options = ["-T", "150", "--resolution", "60", "-o", str(table), "--plot", str(figure)]
    main(["spectrum", str(result), *options])
    assert is_png(figure)
    with open(table) as file:
        assert file.readline().startswith("wavenumber (1/cm),intensity (km/mol per 1/cm)")
    values = np.genfromtxt(table, delimiter=",", skip_header=1)
    assert values[values[:, 1].argmax(), 0] == pytest.approx(1500, abs=4)
    cold = capsys.readouterr().out
    band, half = (float(text.splitlines()[2].split()[3]) for text in (cold, printed))
    assert band == pytest.approx(2 * half, rel=1e-3)  # at half the temperature


def test_bad_input(result, tmp_path, capsys):
    assert "-T/--temperature" in fails(capsys, "spectrum", result)
    assert "a number > 0" in fails(capsys, "spectrum", result, "-T", "0")
    assert "resolution: 10 1/cm takes blocks of" in fails(capsys, "spectrum", result, "-T", "300")
    assert "not the results" in fails(capsys, "spectrum", tmp_path, "-T", "300")
    assert ".csv" in fails(capsys, "spectrum", result, "-T", "300", "-o", tmp_path / "s.txt")
