"""FHI-aims: its output."""

import pytest
from dft_files import saved
from paths import STATES

from ase_dos.io.dft import read_states


def test_appended_runs_of_aims_are_refused(tmp_path):
    path = saved(tmp_path / "runs", 2 * (STATES / "al_aims.out").read_text())
    with pytest.raises(ValueError, match="several FHI-aims runs"):
        read_states(path)


def test_aims_eigenvalues_of_the_starting_density_are_refused(tmp_path):
    # output_level MD_light lists eigenvalues before the first iteration, and never again
    text = (STATES / "al_aims.out").read_text()
    first, _, rest = text.split("Writing Kohn-Sham eigenvalues.")
    tables, iterations = rest.split("  What follows", 1)
    light = first + "Writing Kohn-Sham eigenvalues." + tables + "  What follows" + iterations
    path = saved(tmp_path / "aims.out", light)
    with pytest.raises(ValueError, match="starting density"):
        read_states(path)
