"""Model files: round trips, damage, and earlier formats, which predict what they did."""

import json
import zipfile

import numpy as np
import pytest
from ase import Atoms
from paths import TEST_DATA
from toy_model import toy_frames, toy_states

from ase_dos.density.model import DensityModel
from ase_dos.fit.sparse_kernel import SparseKernel
from ase_dos.io.model_file import find_model, shipped_models
from ase_dos.model.dos_model import DOSModel

OLD = TEST_DATA / "formats" / "model_v2.npz"


@pytest.fixture(scope="module")
def old():
    return DOSModel.load(OLD)


@pytest.fixture(scope="module")
def prediction():
    with np.load(OLD.with_name("model_v2_prediction.npz"), allow_pickle=False) as file:
        return dict(file)


def test_format_2_predicts_what_it_did(old, prediction):
    atoms = Atoms(prediction["numbers"], prediction["positions"], cell=prediction["cell"], pbc=True)
    local = old.predict(atoms)
    expected = prediction["dos"]  # in single precision
    np.testing.assert_allclose(local.total().values, expected, atol=1e-6 * expected.max())
    np.testing.assert_allclose(local.novelty, prediction["novelty"], rtol=1e-9)
    error = old.predict_ensemble(atoms, 3).expected_error
    assert error == pytest.approx(float(prediction["expected_error"]), rel=1e-9)


def test_format_2_trains_again_as_far_as_it_says(old):
    """Descriptor without its radial basis, which is fitted again; energies; valence."""
    options = old.options
    assert options.regressor == SparseKernel(12, 2)
    assert (options.radial_basis, options.n_modes) == (2, 4)
    assert options.descriptor.contraction is None
    assert (options.reference, options.metric) == ("fermi", "dos")
    assert options.grid == old.grid
    assert options.valence == {"Si": 4.0}
    frames = toy_frames(8)
    again = old.refitted(frames, [toy_states(atoms, seed=i) for i, atoms in enumerate(frames)])
    assert again.descriptor.n_radial == 2
    assert again.info["format"] == 3
    assert again.info["validation"] == {**old.info["validation"], "refitted": True}


def test_format_2_is_saved_as_it_is(old, tmp_path):
    old.save(tmp_path / "m.npz")
    with zipfile.ZipFile(OLD) as one, zipfile.ZipFile(tmp_path / "m.npz") as two:
        assert {n: one.read(n) for n in one.namelist()} == {n: two.read(n) for n in two.namelist()}


@pytest.mark.parametrize("form", [1, 4])
def test_other_formats_say_which_are_read(tmp_path, form):
    with np.load(OLD) as file:
        arrays = {name: file[name] for name in file.files}
    header = json.loads(str(arrays.pop("header"))) | {"format": form, "version": "0.0.9"}
    np.savez(tmp_path / "m.npz", header=np.array(json.dumps(header)), **arrays)
    with pytest.raises(
        ValueError, match=f"model format {form} of ase_dos 0.0.9, .* formats 2 and 3"
    ):
        DOSModel.load(tmp_path / "m.npz")


def test_round_trip(toy_model, toy_data, tmp_path):
    path = tmp_path / "model.npz"
    toy_model.save(path)
    again = DOSModel.load(path)
    atoms = toy_data[0][2]
    assert np.array_equal(
        again.predict(atoms).total().values, toy_model.predict(atoms).total().values
    )
    assert again.info == toy_model.info
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.npz"]


def test_damaged_and_foreign_files(toy_model, tmp_path):
    path = tmp_path / "model.npz"
    toy_model.save(path)
    whole = bytearray(path.read_bytes())
    with pytest.raises(ValueError, match="no such model file"):
        DOSModel.load(tmp_path / "absent.npz")
    path.write_bytes(whole[:1000])
    with pytest.raises(ValueError, match="not a readable ase_dos model"):
        DOSModel.load(path)
    path.write_bytes(b"hello")
    with pytest.raises(ValueError, match="not a readable ase_dos model"):
        DOSModel.load(path)
    with pytest.raises(
        ValueError, match=r"shipped models \(aluminium, silicon\), got 'unobtainium'"
    ):
        DOSModel.load("unobtainium")


def test_every_flipped_bit_is_reported(toy_model, tmp_path):
    path = tmp_path / "model.npz"
    toy_model.save(path)
    whole = path.read_bytes()
    places = np.random.default_rng(0).integers(0, len(whole) - 100, 60)
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 4
        path.write_bytes(damaged)
        try:
            same = DOSModel.load(path)
        except ValueError:
            continue
        assert same.info == toy_model.info  # a byte that carries nothing, such as a date


def test_models_of_another_kind_are_refused_with_what_they_are():
    density = find_model("water-density")
    with pytest.raises(ValueError, match=r"of the density of states; .* one of the electron dens"):
        DOSModel.load(density)
    with pytest.raises(ValueError, match=r"of the electron density; .* of the density of states"):
        DensityModel.load(find_model("silicon"))
    with pytest.raises(ValueError, match=r"models \(water-density\), got 'silicon'"):
        DensityModel.load("silicon")


def test_folder_of_the_same_name_does_not_hide_a_shipped_model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("aluminium", "silicon"):
        assert name in shipped_models()
        (tmp_path / name).mkdir()
        assert DOSModel.load(name).info


def test_changed_contents_are_noticed(toy_model, tmp_path):
    path = tmp_path / "model.npz"
    arrays = toy_model.predictor.arrays()
    np.savez(
        path, header=json.dumps(toy_model.info), **arrays | {"weights": arrays["weights"] * 1.01}
    )
    with pytest.raises(ValueError, match="checksum"):
        DOSModel.load(path)
    newer = dict(toy_model.info, format=99, version="9.0")
    np.savez(path, header=json.dumps(newer), **arrays)
    with pytest.raises(ValueError, match=r"model format 99 of ase_dos 9\.0"):
        DOSModel.load(path)
    assert zipfile.is_zipfile(path)
