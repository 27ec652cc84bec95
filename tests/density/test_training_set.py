"""What no density model can be trained on, or predict, and how it is said."""

from dataclasses import replace

import numpy as np
import pytest
from density_toys import BASIS, toy_density, toy_waters
from toy_densities import smooth_basis

from ase_dos.density.basis import AuxiliaryBasis
from ase_dos.density.model import DensityModel
from ase_dos.density.training_set import check_molecule
from ase_dos.descriptors.lambda_soap import LambdaSOAP
from ase_dos.utils.structure_errors import StructureError

DESCRIPTOR = LambdaSOAP(3.0, 3, 2, 0.5, ("H", "O"), max_lambda=2)
FRAMES = toy_waters(5)
DENSITIES = [toy_density(atoms) for atoms in FRAMES]


def fit(frames=FRAMES, densities=DENSITIES, **options):
    model = DensityModel(DESCRIPTOR, BASIS, n_points=5)
    return model.fit(frames, densities, progress=False, **options)


def replaced(values, index, value):
    return [*values[:index], value, *values[index + 1 :]]


def test_molecules():
    atoms = FRAMES[0].copy()
    check_molecule(atoms, 0.0)
    atoms.info["charge"] = 1
    check_molecule(atoms, 1.0)
    with pytest.raises(ValueError, match=r"charge: expected 1 e, as the structure .*, got 0"):
        check_molecule(atoms, 0.0)
    atoms.info.clear()
    atoms.set_initial_charges([-1, 0, 0])
    with pytest.raises(ValueError, match="charge: expected -1 e"):
        check_molecule(atoms, 0.0)
    atoms.set_initial_charges(None)
    atoms.set_cell(np.eye(3) * 9)
    check_molecule(atoms, 0.0)
    atoms.pbc = True
    with pytest.raises(ValueError, match="periodic densities are not supported yet"):
        check_molecule(atoms, 0.0)


def test_counts_and_groups():
    with pytest.raises(ValueError, match="one density per frame, got 4 for 5"):
        fit(densities=DENSITIES[:4])
    with pytest.raises(ValueError, match="at least 3 molecules, got 2"):
        fit(FRAMES[:2], DENSITIES[:2])
    with pytest.raises(ValueError, match="groups: expected one label per structure, 5, got 3"):
        fit(groups=[1, 2, 3])
    with pytest.raises(ValueError, match="two or more different labels"):
        fit(groups="composition")
    with pytest.raises(ValueError, match="groups: expected one of composition"):
        fit(groups="species")


def test_densities_that_do_not_belong_to_their_frames():
    other = toy_density(FRAMES[0][[1, 0, 2]])
    with pytest.raises(StructureError, match=r"structure 0: .* of other elements"):
        fit(densities=replaced(DENSITIES, 0, other))
    with pytest.raises(StructureError, match=r"structure 2: .* of other positions"):
        fit(densities=replaced(DENSITIES, 2, DENSITIES[3]))
    with pytest.raises(StructureError, match=r"structure 1: .* basis smooth, the model in toy"):
        fit(densities=replaced(DENSITIES, 1, toy_density(FRAMES[1], smooth_basis())))
    few = DENSITIES[4].coefficients * 0.98
    with pytest.raises(StructureError, match=r"structure 4: .* holds 9\.800 electrons"):
        fit(densities=replaced(DENSITIES, 4, replace(DENSITIES[4], coefficients=few)))


def test_unknown_species():
    frames = replaced(FRAMES, 3, FRAMES[3].copy())
    frames[3].numbers[0] = 16
    with pytest.raises(StructureError, match=r"structure 3: .* unknown species S"):
        fit(frames)
    with pytest.raises(ValueError, match="unknown species S"):
        fit().predict(frames[3])


def test_equal_molecules_with_other_densities():
    again, same = [*FRAMES, FRAMES[1].copy()], [*DENSITIES, DENSITIES[1]]
    fit(again, same)
    changed = DENSITIES[1].coefficients.copy()
    changed[3] += 0.1
    with pytest.raises(StructureError, match="structures 1, 5: are equal but have different"):
        fit(again, replaced(same, 5, replace(DENSITIES[1], coefficients=changed)))


def test_options_that_do_not_fit():
    with pytest.raises(ValueError, match=r"descriptor: its max_lambda is 1.* take max_lambda = 2"):
        DensityModel(LambdaSOAP(3.0, 3, 2, 0.5, ("H", "O"), max_lambda=1), BASIS)
    with pytest.raises(ValueError, match="no functions for H"):
        DensityModel(DESCRIPTOR, AuxiliaryBasis("one", {8: BASIS.shells[8]}))
    for name, value in (("metric", "dos"), ("electron_number", "yes"), ("zeta", 0)):
        with pytest.raises(ValueError, match=f"{name}: expected"):
            DensityModel(DESCRIPTOR, BASIS, **{name: value})
    with pytest.raises(ValueError, match="regularizations: expected numbers > 0"):
        DensityModel(DESCRIPTOR, BASIS, regularizations=[])


def test_a_model_that_is_not_trained():
    model = DensityModel(DESCRIPTOR, BASIS)
    with pytest.raises(ValueError, match="the model is not trained"):
        model.predict(FRAMES[0])
