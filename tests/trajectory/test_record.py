"""Record of a frame: quantities are those of its DOS, and atoms sum to the cell."""

import warnings
from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from ase.build import bulk
from ase.units import kB
from toy_dips import DippedModel
from toy_model import ToyModel, toy_frames
from toy_run import N_FRAMES, analyze

from ase_dos.electrons.negative_dos import NegativeDOSWarning
from ase_dos.trajectory.frame import FrameAnalysis


def test_quantities_are_those_of_the_dos(frames, model):
    result = analyze(frames, model)
    for i, atoms in enumerate(frames):
        dos = model.predict(atoms).total()
        gas = dos.electron_gas([0.0, 300.0, 3000.0])
        assert result.fermi_level[i] == pytest.approx(gas.fermi_level[0])
        np.testing.assert_allclose(result.entropy[i], gas.entropy[1:])
        np.testing.assert_allclose(result.heat_capacity[i], gas.heat_capacity[1:])
        np.testing.assert_allclose(result.free_energy[i], gas.free_energy[1:] - gas.free_energy[0])
        assert result.dos_at_fermi_level[i] == pytest.approx(float(dos.at(gas.fermi_level[0])))
    assert result.n_atoms.tolist() == [8] * N_FRAMES
    np.testing.assert_allclose(result.volume, [a.cell.volume for a in frames])
    np.testing.assert_array_equal(result.time, 2.0 * np.arange(N_FRAMES))
    assert np.isnan(result.md_step).all()


def test_atoms_sum_to_the_cell(frames, model):
    result = analyze(frames, model)
    for i in result.frames:
        local = result.local(i)
        assert local["local_charge"].sum() == pytest.approx(0, abs=1e-4)
        assert local["local_dos_at_fermi_level"].sum() == pytest.approx(
            result.dos_at_fermi_level[i], rel=1e-6
        )
        assert "coefficients" not in local


def test_local_keeps_the_dos_of_every_atom(frames, model):
    result = analyze(frames, model, local=True)
    local = result.local_dos(3)
    np.testing.assert_allclose(local.values.sum(axis=0), result.dos[3], atol=1e-5)
    np.testing.assert_allclose(local.total().values, result.dos[3], atol=1e-5)
    expected = model.predict(frames[3])
    np.testing.assert_allclose(local.coefficients, expected.coefficients, rtol=1e-6)
    np.testing.assert_allclose(local.valence, expected.valence)
    assert local.smearing == expected.smearing
    with pytest.raises(ValueError, match="local=True"):
        analyze(frames, model).local_dos(3)


def test_entropy_per_atom_is_sommerfelds(frames, model):
    result = analyze(frames, model)
    gamma = np.pi**2 / 3 * kB**2 * result.dos_at_fermi_level
    np.testing.assert_allclose(result.entropy[:, 0], gamma * 300, rtol=2e-3)
    np.testing.assert_allclose(result.free_energy[:, 0], -gamma * 300**2 / 2, rtol=2e-3)


def test_parts_of_the_atoms_sum_to_the_heat_capacity(frames, model):
    result = analyze(frames, model)
    for place, frame in enumerate(result.frames):
        np.testing.assert_allclose(
            result.local(frame)["local_heat_capacity"].sum(axis=1),
            result.heat_capacity[place],
            rtol=1e-6,
        )


def test_parts_of_an_insulator_sum_too(model):
    class Insulator(ToyModel):
        def predict(self, atoms):
            local = super().predict(atoms)
            energies, gap = local.energies, np.abs(local.energies - 2.02) < 1.0
            # Not quite four electrons per atom below the gap, as a model would have it.
            band = np.where(gap | (energies < -6), 0.0, 0.5713)
            basis = np.stack([band, 0.0 * band])
            return replace(local, basis=basis)

    result = analyze([bulk("Si", cubic=True)], Insulator())
    local = result.local(0)
    assert local["local_charge"].sum() == pytest.approx(0, abs=1e-5)
    np.testing.assert_allclose(
        local["local_heat_capacity"].sum(axis=1), result.heat_capacity[0], rtol=1e-6
    )


def test_members_are_those_of_the_ensemble(toy_model):
    frames = toy_frames(3, seed=5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tiny model knows little, and says so
        data = analyze(frames, toy_model, members=6).dataset
        plain = analyze(frames, toy_model).dataset
        ensembles = [toy_model.predict_ensemble(atoms, 6) for atoms in frames]
        gases = [ensemble.electron_gas([0.0, 300.0, 3000.0]) for ensemble in ensembles]
    for name in plain.variables:
        assert plain[name].values.tobytes() == data[name].values.tobytes()
    assert data.sizes["member"] == 6
    for i, (ensemble, gas) in enumerate(zip(ensembles, gases, strict=True)):
        np.testing.assert_allclose(data["dos_error"][i], ensemble.error)
        np.testing.assert_allclose(data["fermi_level_member"][i], gas.fermi_level[:, 0])
        np.testing.assert_allclose(data["entropy_member"][i], gas.entropy[:, 1:].T)
        np.testing.assert_allclose(
            data["free_energy_member"][i], (gas.free_energy[:, 1:] - gas.free_energy[:, :1]).T
        )
        for j, dos in enumerate(ensemble.members):
            assert data["dos_at_fermi_level_member"][i, j] == pytest.approx(
                float(dos.at(gas.fermi_level[j, 0]))
            )


def test_frame_of_any_size(model):
    analysis = FrameAnalysis.of(model, [300.0])
    records = [
        analysis.analyze_frame(0, partial(bulk("Si", cubic=True).repeat, n)).record for n in (1, 2)
    ]
    for a, b in pairwise(records):
        assert b["n_atoms"] == 8 * a["n_atoms"]


def test_record_of_a_dos_that_dips_below_zero(frames):
    """The record is that of the states that electrons fill, and says how many were misplaced."""
    with pytest.warns(NegativeDOSWarning, match="of 7 frames"):
        data = analyze(frames, DippedModel()).dataset
    assert (data["repaired_electrons"] > 0.03).all()
    assert (data["dos_at_fermi_level"] >= 0).all()
    assert (data["free_energy"] <= 0).all()
    for name in ("entropy", "heat_capacity"):
        assert (data[name] >= 0).all()
    np.testing.assert_allclose(data["local_charge"].sum("atom"), 0, atol=1e-5)
    for name in ("dos_at_fermi_level", "heat_capacity"):
        np.testing.assert_allclose(
            data[f"local_{name}"].sum("atom"), data[name], rtol=1e-5, atol=1e-7
        )
    np.testing.assert_array_equal(analyze(frames, ToyModel()).dataset["repaired_electrons"], 0)
