"""PyTorch module of a DOS model on the features of featomic, as metatomic exports it.

TorchScript compiles what stands here: hence the annotations of before Python 3.9, the loops, and
PyTorch at import. Nothing but `ase_dos.adapters.metatomic` imports this module.
"""

from typing import Dict, List, Optional

import numpy as np
import torch
from featomic.torch import SoapPowerSpectrum
from metatensor.torch import Labels, TensorBlock, TensorMap
from metatomic.torch import ModelOutput, System

from ase_dos.adapters.metatomic_electrons import HotElectrons
from ase_dos.descriptors.backends import featomic_hypers
from ase_dos.descriptors.feature_map import FeatureMap
from ase_dos.descriptors.soap import SOAP
from ase_dos.descriptors.species import species_index
from ase_dos.model.predictor import Predictor

__all__ = ["DOSModule", "Features", "Regression"]


class Layer(torch.nn.Module):
    """Affine map, then a power, or tanh where the degree is zero."""

    weight: torch.Tensor
    bias: torch.Tensor

    def __init__(self, weight: np.ndarray, bias: np.ndarray, degree: int) -> None:
        super().__init__()
        self.register_buffer("weight", _tensor(weight))
        self.register_buffer("bias", _tensor(bias))
        self.degree = degree

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return outputs (atoms, out) of inputs (atoms, in)."""
        x = x @ self.weight + self.bias
        return torch.tanh(x) if self.degree == 0 else x**self.degree


class Regression(torch.nn.Module):
    """A `FeatureMap` with its output."""

    mix: torch.Tensor

    def __init__(self, feature_map: FeatureMap) -> None:
        super().__init__()
        degree = 0 if feature_map.activation == "tanh" else feature_map.degree
        pairs = zip(feature_map.weights, feature_map.biases, strict=True)
        self.layers = torch.nn.ModuleList([Layer(weight, bias, degree) for weight, bias in pairs])
        self.unit_length = feature_map.unit_length
        assert feature_map.mix is not None
        self.register_buffer("mix", _tensor(feature_map.mix))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return outputs (atoms, outputs) of features (atoms, n_features)."""
        if self.unit_length:
            squares = (x * x).sum(dim=1, keepdim=True)
            x = x / torch.sqrt(torch.where(squares > 0, squares, torch.ones_like(squares)))
        for layer in self.layers:
            x = layer(x)
        return x @ self.mix


class Features(torch.nn.Module):
    """Features of `SOAP`, with the power spectrum of featomic."""

    left: torch.Tensor
    right: torch.Tensor
    index: torch.Tensor
    factor: torch.Tensor

    def __init__(self, soap: SOAP) -> None:
        super().__init__()
        primitive = soap.primitive
        self.spectrum = SoapPowerSpectrum(**featomic_hypers(primitive))
        pairs = soap.basis.species_pairs
        self.first: List[int] = [pair[0] for pair in pairs]
        self.second: List[int] = [pair[1] for pair in pairs]
        self.shape: List[int] = list(primitive.basis.full_shape[1:])
        # Radial functions of the two densities, (pairs, l, contracted, primitive).
        functions = np.broadcast_to(
            np.eye(soap.max_radial),
            (len(soap.species), soap.max_angular + 1, *[soap.max_radial] * 2),
        )
        if soap.contraction is not None:
            functions = np.array(soap.contraction)
        a, b = species_index(pairs, soap.species).T
        self.register_buffer("left", _tensor(functions[a]))
        self.register_buffer("right", _tensor(functions[b].swapaxes(-1, -2)))
        # Place of every feature in the complete spectrum, and its factor there.
        places = np.arange(np.prod(soap.basis.full_shape), dtype=float)
        ones = np.ones((1, *soap.basis.full_shape))
        factor = soap.basis.fold(ones)[0]
        index = soap.basis.fold(places.reshape(ones.shape))[0] / factor
        self.register_buffer("index", torch.tensor(index.round().astype(np.int64)))
        self.register_buffer("factor", _tensor(factor))

    def forward(self, systems: List[System], samples: Labels, rows: torch.Tensor) -> torch.Tensor:
        """Features (atoms, n_features) of the samples; ``rows`` is their place by atom."""
        spectra = self.spectrum(systems, selected_samples=samples)
        starts = first_atoms(systems)
        full = torch.zeros(
            [len(samples), len(self.first)] + self.shape,
            dtype=torch.float64,
        )
        for key, block in spectra.items():
            pair = 0
            for i in range(len(self.first)):
                same = self.first[i] == int(key["neighbor_1_type"])
                if same and self.second[i] == int(key["neighbor_2_type"]):
                    pair = i
            atoms = starts[block.samples.column("system").to(torch.int64)]
            place = rows[atoms + block.samples.column("atom").to(torch.int64)]
            values = block.values.reshape([-1] + self.shape)
            full = full.index_put((place, torch.full_like(place, pair)), values)
        full = self.left @ full @ self.right
        return full.reshape(full.shape[0], -1)[:, self.index] * self.factor


class DOSModule(torch.nn.Module):
    """DOS of every atom by a `Predictor`, and the energy of hot electrons where it is wanted."""

    modes: torch.Tensor
    species: torch.Tensor
    species_terms: torch.Tensor
    valence: torch.Tensor

    def __init__(
        self, predictor: Predictor, output: str, electrons: Optional[HotElectrons] = None
    ) -> None:
        super().__init__()
        self.output, self.electrons = output, electrons
        self.features = Features(predictor.descriptor)
        self.maps = torch.nn.ModuleList(
            [
                Regression(predictor.map_with_output(kind, predictor.weights))
                for kind in range(len(predictor.maps))
            ]
        )
        self.register_buffer("modes", _tensor(predictor.modes))
        self.register_buffer("species", torch.tensor(predictor.species))
        self.register_buffer("species_terms", _tensor(predictor.species_terms))
        self.register_buffer("valence", _tensor(predictor.valence))

    def forward(
        self,
        systems: List[System],
        outputs: Dict[str, ModelOutput],
        selected_atoms: Optional[Labels],
    ) -> Dict[str, TensorMap]:
        """Run the model, as metatomic asks."""
        result: Dict[str, TensorMap] = {}
        samples = all_atoms(systems) if selected_atoms is None else selected_atoms
        system = samples.column("system").to(torch.int64)
        atoms = first_atoms(systems)[system] + samples.column("atom").to(torch.int64)
        types = torch.cat([one.types for one in systems])
        rows = torch.full([types.shape[0]], -1, dtype=torch.int64)
        rows[atoms] = torch.arange(len(samples))
        x = self.features(systems, samples, rows)
        kinds = (types[atoms][:, None] == self.species).to(torch.int64).argmax(dim=1)
        local = self.species_terms[kinds] + self.coefficients(x, kinds) @ self.modes
        total = torch.zeros([len(systems), local.shape[1]], dtype=local.dtype)
        total = total.index_add(0, system, local)
        whole = Labels(["system"], torch.arange(len(systems), dtype=torch.int32)[:, None])
        if self.output in outputs:
            of_atoms = outputs[self.output].sample_kind == "atom"
            values, labels = (local, samples) if of_atoms else (total, whole)
            result[self.output] = one_block(values, labels)
        if "energy" in outputs and self.electrons is not None:
            if len(samples) < len(types):
                raise ValueError(
                    "the energy of hot electrons is one of all atoms: it takes one domain, that "
                    "is one MPI rank"
                )
            valence = torch.zeros(len(systems), dtype=local.dtype)
            valence = valence.index_add(0, system, self.valence[kinds])
            energies: List[torch.Tensor] = []
            for i in range(len(systems)):
                energies.append(self.electrons(total[i], float(valence[i])))
            result["energy"] = one_block(torch.stack(energies)[:, None], whole)
        return result

    def coefficients(self, x: torch.Tensor, kinds: torch.Tensor) -> torch.Tensor:
        """Coefficients (atoms, modes) of features (atoms, n_features), by kind of atom."""
        found = torch.zeros([x.shape[0], self.modes.shape[0]], dtype=x.dtype)
        for kind, one in enumerate(self.maps):
            if len(self.maps) == 1:
                found = one(x)
            else:
                here = torch.where(kinds == kind)[0]
                found = found.index_put((here,), one(x[here]))
        return found


def one_block(values: torch.Tensor, samples: Labels) -> TensorMap:
    """Values (samples, n) in the only block of an output."""
    block = TensorBlock(
        values=values,
        samples=samples,
        components=torch.jit.annotate(List[Labels], []),
        properties=Labels(["energy"], torch.arange(values.shape[1])[:, None]),
    )
    return TensorMap(Labels(["_"], torch.zeros([1, 1], dtype=torch.int32)), [block])


def first_atoms(systems: List[System]) -> torch.Tensor:
    """Index (systems,) of the first atom of every system, when all atoms are counted."""
    sizes = torch.tensor([len(system) for system in systems])
    return torch.cumsum(sizes, dim=0) - sizes


def all_atoms(systems: List[System]) -> Labels:
    """Label all atoms of the systems."""
    labels: List[torch.Tensor] = []
    for i, system in enumerate(systems):
        atoms = torch.arange(len(system))
        labels.append(torch.stack([torch.full_like(atoms, i), atoms], dim=1))
    return Labels(["system", "atom"], torch.cat(labels).to(torch.int32))


def _tensor(values: np.ndarray) -> torch.Tensor:
    return torch.tensor(np.array(values, dtype=float))
