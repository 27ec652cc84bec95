"""Results of a trajectory: summary, files for viewers, and what is refused."""

import ase.io
import numpy as np
import pytest
from ase.build import bulk
from toy_model import ToyModel
from toy_run import analyze

from ase_dos.results.result import TrajectoryResult
from ase_dos.results.variables import FORMAT
from ase_dos.results.zarr_rows import MARK
from ase_dos.trajectory.run import analyze_trajectory


def test_summary_names_quantities_units_and_samples(frames, model):
    text = analyze(frames, model).summary()
    for part in ("E_F - band bottom (eV)", "C_el(300 K) (k_B/atom)", "S(3000 K)", "n_eff"):
        assert part in text
    assert "rough" in text


def test_summary_shows_a_drift(model):
    images = []
    for i in range(40):
        atoms = bulk("Si", cubic=True)
        atoms.rattle(0.02, seed=i)
        atoms.positions += 0.02 * i
        images.append(atoms)
    assert "not stationary" in analyze(images, model).summary()


def test_extxyz_for_viewers(md, model, tmp_path):
    result = analyze(md, model, start=2, step=2)
    assert result.write_extxyz(tmp_path / "atoms.extxyz", md) == 3
    with pytest.raises(ValueError, match="ends after 3 frames"):
        result.write_extxyz(tmp_path / "other.extxyz", ase.io.read(md, ":3"))
    images = ase.io.read(tmp_path / "atoms.extxyz", ":")
    assert [a.info["frame"] for a in images] == [2, 4, 6]
    for atoms in images:
        local = result.local(atoms.info["frame"])
        np.testing.assert_allclose(atoms.arrays["local_charge"], local["local_charge"], atol=1e-7)
        assert atoms.arrays["local_dos_at_fermi_level"].shape == (8,)


def test_extxyz_has_the_temperatures_and_what_belongs_to_them(tmp_path):
    frames = [bulk("Si", cubic=True) for _ in range(2)]
    for seed, atoms in enumerate(frames):
        atoms.rattle(0.1, seed=seed)
        atoms.info.update(time=2.5 * seed, step=5 * seed)
    result = analyze(frames, ToyModel())
    result.write_extxyz(tmp_path / "atoms.extxyz", frames)
    for i, atoms in enumerate(ase.io.read(tmp_path / "atoms.extxyz", ":")):
        info = atoms.info
        assert (info["frame"], info["time"], info["step"]) == (i, 2.5 * i, 5 * i)
        np.testing.assert_array_equal(info["electronic_temperature"], result.temperatures)
        np.testing.assert_allclose(info["electronic_entropy"], result.entropy[i])
        np.testing.assert_allclose(info["electronic_heat_capacity"], result.heat_capacity[i])
        np.testing.assert_allclose(info["electronic_free_energy"], result.free_energy[i])
        assert info["fermi_level"] == pytest.approx(result.fermi_level[i])
    one = analyze_trajectory(frames, ToyModel(), (3000.0,), progress=False)
    one.write_extxyz(tmp_path / "one.extxyz", frames)
    info = ase.io.read(tmp_path / "one.extxyz", 1).info
    assert info["electronic_temperature"] == 3000
    assert info["electronic_entropy"] == pytest.approx(one.entropy[1, 0])


def test_absent_frame(frames, model):
    with pytest.raises(ValueError, match="frame 99: no result"):
        analyze(frames, model).local(99)


def test_newer_format_is_refused(md, model, tmp_path):
    analyze(md, model, tmp_path / "out")
    for path in (tmp_path / "out").glob(".z[am]*"):
        path.write_text(path.read_text().replace(f'"{MARK}": {FORMAT}', f'"{MARK}": 99'))
    with pytest.raises(ValueError, match="format 99"):
        TrajectoryResult.load(tmp_path / "out")
    with pytest.raises(ValueError, match="format 99"):
        analyze(md, model, tmp_path / "out")


def test_aligned_dos_does_not_see_the_zero_of_energy(frames, model):
    class Shifted(ToyModel):
        def predict(self, atoms):
            return super().predict(atoms).shifted(0.37)  # as arbitrary as an average potential

    result, shifted = analyze(frames, model), analyze(frames, Shifted())
    np.testing.assert_allclose(shifted.fermi_level, result.fermi_level + 0.37)
    for a, b in zip(result.aligned_dos(), shifted.aligned_dos(), strict=True):
        n = min(len(a.T), len(b.T))
        np.testing.assert_allclose(a.T[:n], b.T[:n], atol=2e-2)
    energies, values = shifted.aligned_dos()
    step = energies[1] - energies[0]
    counts = ((values[:, energies <= 0]).sum(axis=1) - values[:, energies == 0][:, 0] / 2) * step
    np.testing.assert_allclose(counts, 4.0, atol=1e-3)
