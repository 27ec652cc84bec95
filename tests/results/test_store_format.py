"""A store of format 3 as it was first written: it is read, averaged, and gone on with."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from paths import FORMATS
from stored_run import MEMBERS, TEMPERATURES, StoredModel, stored_frames

from ase_dos.results.averages import average
from ase_dos.results.groups import group_atoms
from ase_dos.results.result import TrajectoryResult
from ase_dos.trajectory.run import analyze_trajectory


@pytest.fixture
def path(tmp_path):
    archive = FORMATS / "store_v3.zarr.tar.xz"
    shutil.unpack_archive(archive, tmp_path / "store_v3.zarr", filter="data")
    return tmp_path / "store_v3.zarr"


def run(output=None, count=4, model=None, **options):
    options = {"local": True, "members": MEMBERS, "on_error": "skip", **options}
    frames = stored_frames()[:count]
    model = model or StoredModel()
    return analyze_trajectory(frames, model, TEMPERATURES, output, progress=False, **options)


def assert_same_to_rounding(result, expected):
    """Another processor may round computed numbers in another way."""
    new = {"repaired_electrons"}  # not stored when the format was new
    names = set(result.dataset.variables)
    assert names | new == set(expected.dataset.variables)
    for name in names:
        found, variable = result.dataset[name], expected.dataset.variables[name]
        assert (found.dims, found.dtype) == (variable.dims, variable.dtype)
        # Charges and chemical potentials are small differences of large numbers.
        accuracy = 1e-6 if variable.dtype == np.float32 else 1e-9
        np.testing.assert_allclose(
            found.values, variable.values, rtol=accuracy, atol=accuracy, err_msg=name
        )


def test_it_is_read_and_averaged(path):
    stored = TrajectoryResult.load(path)
    assert stored.frames.tolist() == [0, 2]
    assert stored.missing[1].endswith("unknown species")
    np.testing.assert_array_equal(stored.time, [0.0, 4.0])
    assert_same_to_rounding(stored, run(count=3))
    averages = average(stored)
    assert (averages.n_frames, averages.n_missing) == (2, 1)
    assert averages["dos_at_fermi_level"].mean == pytest.approx(0.51063, abs=1e-5)
    assert averages["dos_at_fermi_level"].model_error > 0
    assert stored.local_dos(2).values.shape == (4, 65)
    assert group_atoms(stored)["Si"].n_atoms == 3


def test_it_is_gone_on_with(path):
    model = StoredModel()
    result = run(path, model=model)
    assert result.frames.tolist() == [0, 2, 3]
    # The missing frame is tried again; the last is predicted, and once more for its ensemble.
    assert model.calls == 3
    assert_same_to_rounding(result, run())


def test_it_is_gone_on_with_on_a_machine_that_rounds_otherwise(path):
    class Rounded(StoredModel):
        def predict(self, atoms):
            local = super().predict(atoms)
            basis, energies = (np.nextafter(x, np.inf) for x in (local.basis, local.energies))
            return replace(local, basis=basis, energies=energies)

    result = run(path, model=Rounded())
    assert not np.array_equal(Rounded().predict(stored_frames()[0]).basis, result.dataset["basis"])
    assert result.frames.tolist() == [0, 2, 3]
    assert_same_to_rounding(result, run())


@pytest.mark.parametrize(
    ("change", "what"),
    [({"members": 2}, "members was 3, is 2"), ({"local": False}, "local was True, is False")],
)
def test_it_refuses_other_options(path, change, what):
    with pytest.raises(ValueError, match=what):
        run(path, **change)


def test_it_refuses_other_structures(path):
    frames = stored_frames()
    frames[2].positions[0, 2] += 0.01
    with pytest.raises(ValueError, match=r"frame 2 of .*is not the structure"):
        analyze_trajectory(
            frames,
            StoredModel(),
            TEMPERATURES,
            path,
            local=True,
            members=MEMBERS,
            on_error="skip",
            progress=False,
        )
