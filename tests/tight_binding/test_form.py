"""Forms of Hamiltonians: layout of the parameters, functions, stored values."""

import json

import numpy as np
import pytest
from toy_tight_binding import FORM

from ase_dos.tight_binding import HamiltonianForm
from ase_dos.tight_binding.form import polynomials


def test_arrays_of_two_species():
    arrays = FORM.arrays()
    assert arrays["levels Al"] == (2, 6, 1)  # second degree in two densities
    assert arrays["integrals Al Al"] == (4, 3, 2)  # ss, sp, pp sigma, pp pi
    assert arrays["integrals Al As"] == (8, 3, 2)  # shells of different species do not swap
    assert "integrals As Al" not in arrays
    assert arrays["field As Al"] == (10, 1, 2)
    assert FORM.n_parameters == sum(np.prod(shape) for shape in arrays.values())
    parts = FORM.split(np.arange(FORM.n_parameters))
    assert np.concatenate([part.ravel() for part in parts.values()]).tolist() == list(
        range(FORM.n_parameters)
    )


def test_functions_vanish_smoothly_at_the_cutoff():
    r = np.array([1.9, 3.3, FORM.cutoff - 1e-4, FORM.cutoff, FORM.cutoff + 1])
    d = np.full(r.size, 2.4)
    for function in (
        lambda at: FORM.integral_functions(at, 4, 2.4),
        lambda at: FORM.density_functions(at, d),
    ):
        values, slopes = function(r)
        numerical = (function(r + 1e-6)[0] - function(r - 1e-6)[0]) / 2e-6
        np.testing.assert_allclose(slopes, numerical, atol=1e-8)
        assert (np.abs(values[2:]) < 1e-9).all()


def test_polynomials_and_their_gradients():
    rng = np.random.default_rng(4)
    x = rng.uniform(0.5, 2, (5, 2))
    values, slopes = polynomials(x, 3)
    assert values.shape == (5, 10)
    np.testing.assert_allclose(values[:, 0], 1)
    for axis, step in enumerate(1e-6 * np.eye(2)):
        numerical = (polynomials(x + step, 3)[0] - polynomials(x - step, 3)[0]) / 2e-6
        np.testing.assert_allclose(slopes[:, :, axis], numerical, atol=1e-7)


def test_form_is_plain_values():
    assert HamiltonianForm.from_dict(json.loads(json.dumps(FORM.to_dict()))) == FORM
    with pytest.raises(ValueError, match="unknown to this release: overlap"):
        HamiltonianForm.from_dict(FORM.to_dict() | {"overlap": True})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shells": {}}, "the same species in both"),
        ({"valence": {13: 3}}, "the same species in both"),
        ({"shells": {13: (4,), 33: (0,)}}, "shells of Al: expected angular momenta"),
        ({"shells": {13: (), 33: (0,)}}, "shells of Al: expected angular momenta"),
        ({"cutoff": -1}, "cutoff"),
        ({"n_radial": 0}, "n_radial"),
        ({"density_decays": ()}, "density_decays"),
    ],
)
def test_wrong_values(change, message):
    values = {"shells": FORM.shells, "valence": FORM.valence} | change
    with pytest.raises(ValueError, match=message):
        HamiltonianForm(**values)
