"""Files of one band over a plane: theory, and the map that it makes."""

import numpy as np
import pytest

from ase_dos.bands import LineProfile, TheoryBands, simulate_map, write_theory
from ase_dos.cli.main import main

AXIS = np.linspace(-0.6, 0.6, 13)


@pytest.fixture(scope="session")
def band_theory():
    """Two bands that bend."""
    wide = np.linspace(-0.9, 0.9, 25)
    x, y = np.meshgrid(wide, wide, indexing="ij")
    lower = -1.3 + 0.5 * (x**2 + y**2) + 0.1 * x
    return TheoryBands(np.stack([lower, -0.3 - 0.6 * (x**2 + y**2)]), (wide, wide))


@pytest.fixture(scope="session")
def theory_file(band_theory, tmp_path_factory):
    path = tmp_path_factory.mktemp("bands") / "theory.nc"
    write_theory(band_theory, path)
    return path


@pytest.fixture(scope="session")
def map_file(band_theory, tmp_path_factory):
    path = tmp_path_factory.mktemp("maps") / "map.nc"
    energies = np.linspace(-2.0, 0.4, 97)
    axes = {"kx": AXIS, "ky": AXIS}
    simulate_map(
        band_theory.shifted(0.1), energies, LineProfile(0.05, 0.03), counts_per_edc=800, **axes
    ).to_netcdf(path)
    return path


@pytest.fixture(scope="session")
def bands_file(theory_file, map_file, tmp_path_factory):
    path = tmp_path_factory.mktemp("found") / "bands.nc"
    given = ("bands", "reconstruct", map_file, theory_file, "-o", path, "--align", "full")
    main([str(one) for one in (*given, "--prior", "correction", "--seed", 3)])
    return path
