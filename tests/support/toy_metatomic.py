"""Small models in the metatomic format, exported by the tests."""

from typing import Dict, List, Optional

import numpy as np
import torch
from metatensor.torch import Labels, TensorBlock, TensorMap
from metatomic.torch import (
    AtomisticModel,
    ModelCapabilities,
    ModelMetadata,
    ModelOutput,
    NeighborListOptions,
    System,
)

CUTOFF = 5.0
ENERGIES = -10.0 + 0.1 * np.arange(250)
CONVENTION = {"start": -10.0, "step": 0.1, "smearing": 0.2, "valence": {"C": 4, "Si": 4}}
MEMBERS = 5


class PairDOS(torch.nn.Module):
    """A band of every atom, tilted by the sum over pairs of exp(-r^2 / 2), for C and Si."""

    basis: torch.Tensor
    members: torch.Tensor

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        band = 1.2 / (1.0 + np.exp(-(ENERGIES + 6.0) / 0.5))
        basis = np.stack([band, 0.1 * band * np.tanh(ENERGIES / 4)])
        noise = np.random.default_rng(0).normal(size=(MEMBERS, 1, len(ENERGIES)))
        noise -= noise.mean(axis=0)
        members = basis * (1.0 + 0.1 * noise)
        self.register_buffer("basis", torch.tensor(basis, dtype=dtype))
        self.register_buffer("members", torch.tensor(members, dtype=dtype))

    def requested_neighbor_lists(self) -> List[NeighborListOptions]:
        return [NeighborListOptions(cutoff=5.0, full_list=True, strict=True)]

    def forward(
        self,
        systems: List[System],
        outputs: Dict[str, ModelOutput],
        selected_atoms: Optional[Labels],
    ) -> Dict[str, TensorMap]:
        system = systems[0]
        pairs = system.get_neighbor_list(self.requested_neighbor_lists()[0])
        strength = torch.exp(-(pairs.values.squeeze(-1) ** 2).sum(dim=1) / 2.0)
        field = torch.zeros(len(system), dtype=strength.dtype)
        field = field.index_add(0, pairs.samples.column("first_atom").to(torch.int64), strength)
        coefficients = torch.stack([torch.ones_like(field), field], dim=1)
        atoms = torch.arange(len(system))
        if selected_atoms is not None:
            # In an order of its own, as models may.
            atoms = torch.sort(selected_atoms.column("atom").to(torch.int64))[0]
        samples = torch.stack([torch.zeros_like(atoms), atoms], dim=1).to(torch.int32)
        result: Dict[str, TensorMap] = {}
        for name, wanted in outputs.items():
            values = coefficients[atoms] @ self.basis
            labels = Labels(["system", "atom"], samples)
            names = ["energy"]
            if name.endswith("_ensemble"):
                values = torch.einsum("ik,mkn->imn", coefficients[atoms], self.members)
                values = values.reshape(len(atoms), -1)
                names = ["ensemble_member"]
            if wanted.sample_kind == "system":
                values = values.sum(dim=0, keepdim=True)
                labels = Labels(["system"], torch.zeros((1, 1), dtype=torch.int32))
            block = TensorBlock(
                values=values,
                samples=labels,
                components=torch.jit.annotate(List[Labels], []),
                properties=Labels(names, torch.arange(values.shape[1]).reshape(-1, 1)),
            )
            result[name] = TensorMap(Labels(["_"], torch.zeros((1, 1), dtype=torch.int32)), [block])
        return result


def write_toy(
    path,
    *,
    extra=None,
    name="pairs",
    dtype="float64",
    ensemble=False,
    outputs=("mtt::dos",),
    unit="",
    sample_kind="atom",
    reach=CUTOFF,
    length_unit="angstrom",
):
    """Write a toy model to a file and return its path."""
    declared = {one: ModelOutput(unit=unit, sample_kind=sample_kind) for one in outputs}
    if ensemble:
        declared["mtt::aux::dos_ensemble"] = ModelOutput(sample_kind="atom")
    capabilities = ModelCapabilities(
        outputs=declared,
        atomic_types=[6, 14],
        interaction_range=reach,
        length_unit=length_unit,
        supported_devices=["cpu"],
        dtype=dtype,
    )
    metadata = ModelMetadata(name=name, extra=extra or {})
    module = PairDOS(getattr(torch, dtype)).eval()
    AtomisticModel(module, metadata, capabilities).save(str(path))
    return path
