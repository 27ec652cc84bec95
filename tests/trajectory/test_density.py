"""Dipole moments and charges along trajectories: stored, resumed, with and without a DOS."""

import ase.io
import numpy as np
import pytest
from ase.build import molecule
from toy_density_model import ToyDensityModel, vibrating_water
from toy_model import ToyModel
from toy_run import assert_same

from ase_dos.results.averages import average
from ase_dos.results.dipoles import trajectory_spectrum
from ase_dos.results.groups import group_atoms
from ase_dos.results.html import write_report
from ase_dos.trajectory.run import analyze_trajectory


class WaterDOS(ToyModel):
    """Toy of the DOS for hydrogen and oxygen."""

    def __init__(self):
        super().__init__()
        self.species = (1, 8)


def analyze(frames, output=None, density_model=None, **options):
    return analyze_trajectory(
        frames,
        output=output,
        density_model=density_model or ToyDensityModel(),
        **{"progress": False, **options},
    )


@pytest.fixture
def water():
    return vibrating_water(40)


def test_dipoles_and_charges_of_every_frame(water, tmp_path):
    ase.io.write(tmp_path / "md.extxyz", water)
    for source in (water, tmp_path / "md.extxyz"):
        result = analyze(source)
        model = ToyDensityModel()
        np.testing.assert_allclose(result.dipole, [model.dipole(a) for a in water], atol=1e-7)
        np.testing.assert_allclose(
            result.local(7)["partial_charge"], model.charges(water[7]), atol=1e-6
        )
    assert result.about["density_model"]["hash"] == "toy-density"
    assert result.dataset["dipole"].attrs["units"] == "e Angstrom"
    assert "dos" not in result.dataset
    assert "|dipole moment|" in result.summary()


def test_members_give_model_errors(water):
    result = analyze(water, members=2)
    np.testing.assert_allclose(result.dipole_member[:, :, 1], 1.2 * result.dipole, atol=1e-12)
    found = average(result)
    for name in ("dipole_size", "charge_O"):
        expected = abs(found[name].mean) * np.sqrt(np.mean([0.1**2, 0.2**2]))
        assert found[name].model_error == pytest.approx(expected, rel=1e-5)
    with pytest.raises(ValueError, match="members: the density model has 3, expected 4 or more"):
        analyze(water, members=4)
    with pytest.raises(ValueError, match="members: the density model has 0"):
        analyze(water, members=2, density_model=ToyDensityModel(members=0))


def test_total_charge(water):
    charges = analyze(water, charge=1.0).local(0)["partial_charge"]
    assert charges.sum() == pytest.approx(1.0)


@pytest.mark.filterwarnings("ignore:.*analysed as a cluster")
def test_with_a_dos_model_results_have_both(water):
    both = analyze(water, model=WaterDOS(), members=2)
    alone = analyze(water, members=2)
    dos = analyze_trajectory(water, WaterDOS(), members=2, progress=False)
    for one in (alone, dos):
        for name, variable in one.dataset.variables.items():
            np.testing.assert_array_equal(both.dataset[name].values, variable.values, str(name))
    assert set(average(both).quantities) == {
        *average(alone).quantities,
        *average(dos).quantities,
    }
    for result in (both, alone):
        charge = group_atoms(result, "species")["O"].scalars["partial_charge"].mean
        assert charge == pytest.approx(average(result)["charge_O"].mean, rel=1e-5)


@pytest.mark.parametrize("together", [1, 3])
def test_killed_run_resumes_to_identical_results(water, tmp_path, monkeypatch, together):
    monkeypatch.setattr("ase_dos.trajectory.run.TASK_FRAMES", together)

    class Dying(ToyDensityModel):
        def predict(self, atoms, charge=0.0):
            if self.calls == 20:
                raise RuntimeError("killed")
            return super().predict(atoms, charge)

    out = tmp_path / "out"
    with pytest.raises(RuntimeError, match="killed"):
        analyze(water, out, Dying(), members=2)
    model = ToyDensityModel()
    result = analyze(water, out, model, members=2)
    assert model.calls == len(water) - 20 // together * together
    assert_same(result, analyze(water, members=2))
    for options in ({"density_model": ToyDensityModel("other")}, {"charge": 1.0}):
        with pytest.raises(ValueError, match="results of another run"):
            analyze(water, out, members=2, **options)
    with pytest.raises(ValueError, match="results of another run"):
        analyze(water, out, model=WaterDOS(), members=2)


def test_bad_frames_are_missing_and_end_a_run_of_the_spectrum(water):
    water = vibrating_water(800)
    water[400] = molecule("CH4")
    with pytest.raises(ValueError, match=r"frame 400 of .*unknown species"):
        analyze(water)
    result = analyze(water, on_error="skip")
    assert list(result.missing) == [400]
    spectrum = trajectory_spectrum(result, 300.0, resolution=80.0)
    assert spectrum.bands()[0].wavenumber == pytest.approx(1500.0, abs=2.0)


def test_processes_give_the_same(water):
    assert_same(analyze(water, backend=2), analyze(water))


def test_frames_for_viewers_have_dipole_and_charges(water, tmp_path):
    result = analyze(water)
    assert result.write_extxyz(tmp_path / "view.extxyz", water) == len(water)
    frame = ase.io.read(tmp_path / "view.extxyz", index=3)
    np.testing.assert_allclose(frame.get_dipole_moment(), result.dipole[3], atol=1e-7)
    charges = result.local(3)["partial_charge"]
    np.testing.assert_allclose(frame.arrays["partial_charge"], charges, atol=1e-6)


def test_what_needs_a_dos_is_refused(water, tmp_path):
    with pytest.raises(ValueError, match="local: takes a DOS model"):
        analyze(water, local=True)
    with pytest.raises(ValueError, match="block_atoms: takes a DOS model"):
        analyze(water, block_atoms=10)
    with pytest.raises(ValueError, match="dos: not in these results"):
        write_report(analyze(water), tmp_path / "page.html", viewer=False)
