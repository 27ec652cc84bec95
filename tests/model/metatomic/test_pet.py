"""The architecture of PET-MAD-DOS, with random weights, as a model of the DOS."""

import numpy as np
import pytest
from ase.build import bulk

from ase_dos.model import load_metatomic

pytest.importorskip("metatrain")


@pytest.fixture(scope="module")
def pet_file(tmp_path_factory):
    import torch
    from metatrain.pet import PET
    from metatrain.utils.architectures import get_default_hypers
    from metatrain.utils.data import DatasetInfo
    from metatrain.utils.data.target_info import get_generic_target_info

    torch.manual_seed(0)
    hypers = get_default_hypers("pet")["model"]
    hypers |= {"d_pet": 8, "d_head": 8, "d_node": 8, "d_feedforward": 8, "num_heads": 1}
    hypers |= {"num_attention_layers": 1, "num_gnn_layers": 1, "cutoff": 3.5}
    target = {"quantity": "", "unit": "", "type": "scalar", "num_subtargets": 300}
    target |= {"sample_kind": "system", "per_atom": False}
    layout = get_generic_target_info("mtt::dos", target)
    info = DatasetInfo("angstrom", atomic_types=[14, 32], targets={"mtt::dos": layout})
    path = tmp_path_factory.mktemp("pet") / "pet.pt"
    PET(hypers, info).to(torch.float64).export().save(str(path))
    return path


@pytest.mark.filterwarnings("ignore:negative values of the predicted DOS")  # random weights
def test_derivatives_and_blocks_of_pet(pet_file):
    convention = {"start": -5.0, "step": 0.05, "smearing": 0.3, "valence": {"Si": 4, "Ge": 14}}
    model = load_metatomic(pet_file, **convention)
    assert model.cutoff == 3.5
    atoms = bulk("Si", cubic=True)
    atoms.rattle(0.1, seed=0)
    weights = np.cos(model.grid.energies)
    gradient, virial = model.differentiate(atoms, weights)

    def functional(positions, strain):
        moved = atoms.copy()
        moved.positions = positions
        moved.set_cell(atoms.cell.array @ strain, scale_atoms=True)
        return float(model.predict(moved).total().values @ weights)

    step = 1e-4 * np.random.default_rng(1).normal(size=(8, 3))
    up, down = (functional(atoms.positions + s * step, np.eye(3)) for s in (1, -1))
    assert up - down == pytest.approx(2 * float(np.sum(gradient * step)), rel=1e-6)
    strain = 1e-5 * np.array([[1.0, 0.3, 0.0], [0.3, -0.5, 0.2], [0.0, 0.2, 2.0]])
    up, down = (functional(atoms.positions, np.eye(3) + s * strain) for s in (1, -1))
    assert up - down == pytest.approx(2 * float(np.sum(virial * strain)), rel=1e-6)
    parts = load_metatomic(pet_file, **convention, block_size=3).predict(atoms)
    np.testing.assert_allclose(parts.values, model.predict(atoms).values, atol=1e-10)
