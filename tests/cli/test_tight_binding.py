"""Tight-binding models on the command line."""

import numpy as np
import pytest
from command_line import fails
from toy_silicon import data, trained

from ase_dos.cli.main import main
from ase_dos.io.dataset import Dataset, save_dataset


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A model, and structures that it was trained on."""
    folder = tmp_path_factory.mktemp("tight_binding")
    frames, states = [atoms.copy() for atoms in data()[0][:3]], data()[1][:3]
    for i, atoms in enumerate(frames):
        atoms.info = {"name": f"si-{i}", "family": "diamond"}
    split = np.array(["test"] * len(frames))
    save_dataset(folder / "set.npz", Dataset(frames, states, states, split), provenance={})
    trained().save(folder / "model.npz")
    return str(folder / "model.npz"), str(folder / "set.npz")


def test_a_model_is_described_and_evaluated(files, capsys):
    model, dataset = files
    main(["info", model])
    assert "tight_binding" in capsys.readouterr().out
    main(["evaluate", model, dataset, "--split", "test"])
    assert f"RMSE        {trained().evaluate(*(s[:3] for s in data())).rmse:.3f}" in (
        capsys.readouterr().out
    )


def test_what_only_sums_of_local_densities_have(files, capsys, tmp_path):
    model, _ = files
    line = fails(capsys, "plot", model, "-o", tmp_path)
    assert "this file holds one of the density of states by tight binding" in line
