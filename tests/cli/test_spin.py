"""Spin channels on the command line: train, info and predict."""

import ase.io
import numpy as np
import pytest
from command_line import QUICK, fails
from paths import STATES
from toy_spin import paired, spin_set

from ase_dos.cli.main import main
from ase_dos.io.dataset import Dataset, save_dataset
from ase_dos.model.dos_model import DOSModel

pytestmark = pytest.mark.filterwarnings("ignore::ase_dos.spectra.local_dos.NoveltyWarning")


def saved(path, frames, states):
    for i, atoms in enumerate(frames):
        atoms.info = {"name": f"si-{i}", "family": "split"}
    split = np.array(["train"] * 10 + ["validation"] * 2)
    save_dataset(path, Dataset(frames, states, states, split), provenance={})
    return str(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("spin")
    frames, states = spin_set(12)
    saved(folder / "split.npz", frames, states)
    saved(folder / "paired.npz", frames, [paired(one) for one in states])
    ase.io.write(folder / "si.xyz", frames[0], format="extxyz")
    main(
        [
            "train",
            str(folder / "split.npz"),
            "-o",
            str(folder / "m.npz"),
            *QUICK,
            "--spin",
            "channels",
        ]
    )
    return folder


def test_info_says_what_a_model_was_trained_on(folder, capsys):
    main(["info", str(folder / "m.npz")])
    rows = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert rows["spin"] == "channels"
    assert rows["states"] == "{'spin-polarised': 10}"


def test_predict_prints_the_moment_and_writes_both_channels(folder, capsys):
    arguments = ["predict", str(folder / "si.xyz"), "--model", str(folder / "m.npz")]
    main([*arguments, "-o", str(folder / "dos.csv")])
    out = capsys.readouterr().out
    atoms = ase.io.read(folder / "si.xyz")
    dos = DOSModel.load(folder / "m.npz").predict(atoms).total()
    (line,) = (line for line in out.splitlines() if line.startswith("M "))
    assert line.endswith("mu_B/atom")
    assert float(line.split()[1]) == pytest.approx(dos.magnetic_moment() / 8, rel=1e-4)
    table = np.loadtxt(folder / "dos.csv", delimiter=",", skiprows=1)
    np.testing.assert_allclose(table[:, 2] + table[:, 3], table[:, 1], atol=1e-6)
    np.testing.assert_allclose(table[:, 2] - table[:, 3], dos.spin, atol=1e-6)
    main([*arguments, "-o", str(folder / "dos.npz")])
    with np.load(folder / "dos.npz") as file:
        local = file["coefficients"] @ file["spin_basis"]
        np.testing.assert_allclose(local.sum(axis=0), file["spin_dos"], atol=1e-8)


def test_states_without_channels_are_refused_with_what_to_do(folder, tmp_path, capsys):
    line = fails(
        capsys,
        "train",
        folder / "paired.npz",
        "-o",
        tmp_path / "m.npz",
        *QUICK,
        "--spin",
        "channels",
    )
    assert "spin-paired" in line
    assert "--spin total" in line


def test_info_of_an_output_tells_its_moment(capsys):
    main(["info", str(STATES / "ni.pwo")])
    assert "mu_B" in capsys.readouterr().out
