"""Files damaged at random: what comes out is a value, or a ValueError that names the file."""

import gzip
import warnings
from random import Random

import numpy as np
import pytest
from aims_files import END, SMALL
from ase.build import bulk
from ase.io import write
from damage import damaged
from paths import FORMATS, STATES

from ase_dos.io.dataset import load_dataset
from ase_dos.io.dft import read_dos_frames, read_frames, read_states
from ase_dos.io.model_file import read_model

FILES = (
    "si_md.pwo",
    "ni.pwo",
    "al_data-file-schema.xml",
    "al_vasprun.xml",
    "ni_vasprun.xml",
    "al.gpw",
    "h2.gpaw.txt",
    "h2_gpaw22.txt",
    "al_aims.out",
    "ni_aims.out",
)
TRIES = 40


def outcomes(read, path, data, seed):
    """Read many damaged forms of a file; return how many gave a value, and how many an error.

    A value has finite levels (ElectronicStates sees to it), positions and cell.
    """
    random = Random(seed)
    found = [0, 0]
    for _ in range(TRIES):
        path.write_bytes(damaged(random, data) or b" ")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what was cut off, and of ASE
            try:
                result = read(path)
                for atoms, _ in result if read is read_frames else ():
                    assert np.isfinite(atoms.positions).all()
                    assert np.isfinite(atoms.cell.array).all()
                found[0] += 1
            except ValueError as error:
                assert path.name in str(error)  # noqa: PT017
                found[1] += 1
    return found


@pytest.mark.parametrize("read", [read_states, read_frames])
@pytest.mark.parametrize("name", FILES)
def test_outputs(tmp_path, read, name):
    _, errors = outcomes(read, tmp_path / name, (STATES / name).read_bytes(), name)
    assert errors > TRIES / 16


@pytest.mark.parametrize("name", ["al_vasprun.xml", "al.gpw", "al.pwo"])
def test_compressed_outputs(tmp_path, name):
    packed = gzip.compress((STATES / name).read_bytes())
    _, errors = outcomes(read_frames, tmp_path / f"{name}.gz", packed, name)
    assert errors > TRIES / 4


@pytest.mark.parametrize("name", ["f.traj", "f.xyz", "f.json"])
def test_structures_with_a_dos(tmp_path, name):
    atoms = bulk("Si")
    atoms.info = {"DOS": np.arange(9.0), "number_of_electrons": 4.0}
    write(tmp_path / name, [atoms, atoms])

    def read(path):
        return read_dos_frames(path, start=-2.0, step=0.5)

    data = (tmp_path / name).read_bytes()
    _, errors = outcomes(read, tmp_path / name, data, name)
    assert errors > TRIES / 16


def test_files_of_several_parts(tmp_path):
    """The part that is damaged, or the file that it belongs to, is named."""
    levels = "k-point number: 1\nk-point in recip. lattice units: 0 0 0\n 1 2.0 -15.0\n 2 0.0 1.0\n"
    (tmp_path / "aims.out").write_text(SMALL + END)
    _, errors = outcomes(
        read_frames, tmp_path / "Final_KS_eigenvalues.dat", levels.encode(), "final"
    )
    assert errors > TRIES / 16
    (tmp_path / "Final_KS_eigenvalues.dat").write_text(levels)
    _, errors = outcomes(read_frames, tmp_path / "aims.out", (SMALL + END).encode(), "aims")
    assert errors > TRIES / 16


@pytest.mark.parametrize(
    ("name", "read"), [("dataset_v1.npz", load_dataset), ("model_v2.npz", read_model)]
)
def test_files_of_our_own(tmp_path, name, read):
    _, errors = outcomes(read, tmp_path / name, (FORMATS / name).read_bytes(), name)
    assert errors > TRIES / 4
