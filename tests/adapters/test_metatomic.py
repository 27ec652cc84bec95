"""Models of this package as metatomic files: the same numbers, from featomic and PyTorch."""

import json
import sys

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from toy_training import KERNEL, QUICK, soap, two_species

from ase_dos import DOSCalculator, DOSModel
from ase_dos.adapters.metatomic import export_metatomic
from ase_dos.cli.main import main
from ase_dos.fit.network import Network
from ase_dos.model import load_metatomic, validate_model

for _name in ("metatomic.torch", "featomic.torch", "vesin"):
    pytest.importorskip(_name)

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*surroundings unlike"),
    pytest.mark.filterwarnings("ignore:negative values of the predicted DOS"),  # of free atoms
]


@pytest.fixture(scope="module")
def silicon_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("exported") / "silicon.pt"
    main(["export-model", "silicon", "-o", str(path)])
    return path


def crystal(symbol="Si", repeat=1, seed=0):
    atoms = bulk(symbol, cubic=True).repeat(repeat)
    atoms.rattle(0.12, seed=seed)
    return atoms


def assert_same(model, exported, atoms):
    """Same local DOS to 1e-8, same derivatives to the accuracy of featomic's splines."""
    np.testing.assert_allclose(
        exported.predict(atoms).values, model.predict(atoms).values, atol=1e-8
    )
    weights = np.sin(model.grid.energies)
    for found, expected in zip(
        exported.differentiate(atoms, weights), model.differentiate(atoms, weights), strict=True
    ):
        np.testing.assert_allclose(found, expected, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize("pbc", [True, False, (True, True, False)])
def test_silicon_is_the_same(silicon_file, pbc):
    atoms = crystal(repeat=(2, 1, 1))
    atoms.pbc = pbc
    assert_same(DOSModel.load("silicon"), load_metatomic(silicon_file), atoms)


def test_hot_electrons_are_the_same(silicon_file):
    found, expected = crystal(), crystal()
    found.calc = DOSCalculator(silicon_file, electronic_temperature=6000.0)
    expected.calc = DOSCalculator("silicon", electronic_temperature=6000.0)
    assert found.get_potential_energy() == pytest.approx(expected.get_potential_energy(), abs=1e-8)
    np.testing.assert_allclose(found.get_forces(), expected.get_forces(), atol=1e-7)
    np.testing.assert_allclose(found.get_stress(), expected.get_stress(), atol=1e-8)


@pytest.fixture(scope="module")
def hot_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("exported") / "hot.pt"
    main(["export-model", "silicon", "-o", str(path), "-T", "6000"])
    return path


@pytest.mark.filterwarnings("ignore:.*negative values where electrons")  # of the cluster
@pytest.mark.parametrize("pbc", [True, False])
def test_energy_of_hot_electrons_for_other_programs(hot_file, pbc):
    """By the calculator of metatomic, which differentiates it: that of the package, to 1e-8."""
    metatomic_ase = pytest.importorskip("metatomic_ase")
    found, expected = crystal(), crystal()
    for atoms in (found, expected):
        atoms.pbc = pbc
    found.calc = metatomic_ase.MetatomicCalculator(hot_file)
    expected.calc = DOSCalculator("silicon", electronic_temperature=6000.0)
    assert found.get_potential_energy() == pytest.approx(expected.get_potential_energy(), abs=1e-8)
    np.testing.assert_allclose(found.get_forces(), expected.get_forces(), atol=1e-7)
    if pbc:
        np.testing.assert_allclose(found.get_stress(), expected.get_stress(), atol=1e-8)


def test_energy_of_a_part_is_refused(hot_file):
    """As a program with several domains asks: the chemical potential is one of all atoms."""
    import torch
    from metatensor.torch import Labels
    from metatomic.torch import (
        ModelEvaluationOptions,
        ModelOutput,
        load_atomistic_model,
        systems_to_torch,
    )

    file = load_atomistic_model(hot_file)
    systems = systems_to_torch([Atoms("Si")] * 2, dtype=torch.float64)
    part = Labels(["system", "atom"], torch.tensor([[1, 0]], dtype=torch.int32))
    options = ModelEvaluationOptions(
        "angstrom", {"energy": ModelOutput(sample_kind="system")}, part
    )
    with pytest.raises(torch.jit.Error, match="it takes one domain"):
        file(systems, options, check_consistency=False)


def test_exported_model_keeps_to_the_interface(silicon_file):
    validate_model(load_metatomic(silicon_file), crystal())


def test_file_tells_energies_valence_and_origin(silicon_file):
    from metatomic.torch import load_atomistic_model

    model, metadata = DOSModel.load("silicon"), load_atomistic_model(silicon_file).metadata()
    assert metadata.name == "silicon"
    assert json.loads(metadata.extra["dos"]) == {
        "start": model.grid.start,
        "step": model.grid.step,
        "smearing": model.smearing,
        "valence": {"Si": 4.0},
    }
    assert json.loads(metadata.extra["ase_dos"])["hash"] == model.info["hash"]
    loaded = load_metatomic(silicon_file)
    assert loaded.grid.size == model.grid.size
    assert loaded.cutoff == model.cutoff


def test_several_systems_and_totals(silicon_file):
    """As training programs ask: many structures at once, and the DOS of each."""
    import torch
    from metatomic.torch import (
        ModelEvaluationOptions,
        ModelOutput,
        load_atomistic_model,
        systems_to_torch,
    )
    from vesin.metatomic import neighbor_lists_for_model

    frames = [crystal(seed=1), Atoms("Si"), crystal(repeat=(2, 1, 1), seed=2)]
    file = load_atomistic_model(silicon_file)
    systems = systems_to_torch(frames, dtype=torch.float64)
    for calculator in neighbor_lists_for_model("angstrom", file):
        calculator.add_neighbor_list(systems, copy=True)
    for kind in ("system", "atom"):
        options = ModelEvaluationOptions("angstrom", {"mtt::dos": ModelOutput(sample_kind=kind)})
        block = file(systems, options, check_consistency=True)["mtt::dos"].block()
        local = [DOSModel.load("silicon").predict(atoms) for atoms in frames]
        expected = [one.values if kind == "atom" else one.total().values for one in local]
        np.testing.assert_allclose(block.values.numpy(), np.vstack(expected), atol=1e-7)


@pytest.mark.parametrize(
    ("regressor", "radial_basis"),
    [("ridge", 3), (KERNEL, None), (Network(width=8, committee=2, steps=20), 3)],
    ids=["ridge", "kernel", "network"],
)
def test_every_regressor_is_exported(tmp_path, regressor, radial_basis):
    frames, states = two_species({"C": 4, "Si": 4})
    options = {**QUICK, "radial_basis": radial_basis}
    model = DOSModel(soap(species=("C", "Si")), regressor=regressor, **options).fit(frames, states)
    path = tmp_path / "model.pt"
    export_metatomic(model, path)
    exported = load_metatomic(path)
    assert exported.species == (6, 14)
    assert_same(model, exported, frames[0])
    assert_same(model, exported, Atoms("SiC", [[0, 0, 0], [30, 0, 0]]))  # no neighbours


def test_what_cannot_be_exported_is_named(tmp_path, monkeypatch, capsys):
    untrained = DOSModel(soap())
    with pytest.raises(ValueError, match="not trained"):
        export_metatomic(untrained, tmp_path / "model.pt")
    silicon = DOSModel.load("silicon")
    for temperatures, message in (
        ({"electronic_temperature": -1.0}, "electronic_temperature: expected a number >= 0"),
        ({"ground_state_smearing": 300.0}, "in Python, give electronic_temperature too"),
    ):
        with pytest.raises(ValueError, match=message):
            export_metatomic(silicon, tmp_path / "model.pt", **temperatures)
    with pytest.raises(OSError, match="absent"):
        export_metatomic(DOSModel.load("silicon"), tmp_path / "absent" / "model.pt")
    for arguments, message in (
        (["silicon", "-o", "model.npz"], "--output: expected a name that ends with .pt"),
        (["absent", "-o", "model.pt"], "one of the shipped models"),
    ):
        with pytest.raises(SystemExit):
            main(["export-model", *arguments])
        assert message in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "ase_dos.adapters.metatomic_module", None)
    with pytest.raises(ImportError, match=r"pip install 'ase_dos\[metatomic\]'"):
        export_metatomic(DOSModel.load("silicon"), tmp_path / "model.pt")
    assert not list(tmp_path.iterdir())
