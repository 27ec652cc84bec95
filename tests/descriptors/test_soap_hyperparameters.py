"""Hyperparameters of a power spectrum: kept in JSON, checked by range."""

import json

import numpy as np
import pytest

from ase_dos.descriptors.soap import SOAP


def test_dictionary_survives_json():
    soap = SOAP(species=("Ti", 8), radial_scaling={"rate": 1, "scale": 2.0, "exponent": 3})
    assert soap.species == (8, 22)
    assert soap.radial_scaling == (1.0, 2.0, 3)
    assert SOAP.from_dict(json.loads(json.dumps(soap.to_dict()))) == soap
    assert SOAP.from_dict({}) == SOAP()
    assert hash(soap) != hash(SOAP())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cutoff": -1}, "cutoff: expected a number > 0, got -1"),
        ({"cutoff": np.inf}, "cutoff"),
        ({"max_radial": 0}, "max_radial: expected an integer >= 1, got 0"),
        ({"max_radial": 3.0}, "max_radial"),
        ({"max_radial": 30}, "linearly dependent"),
        ({"max_angular": -1}, "max_angular: expected an integer >= 0, got -1"),
        ({"max_angular": True}, "max_angular"),
        ({"width": 0}, "width"),
        ({"species": ()}, "one or more different species"),
        ({"species": (8, "O")}, "different species"),
        ({"species": ("Xx",)}, "got 'Xx'"),
        ({"species": (200,)}, "got 200"),
        ({"cutoff_smoothing": 0}, "cutoff_smoothing"),
        ({"cutoff_smoothing": 7}, "at most the cutoff of 6 Angstrom, got 7"),
        ({"radial_scaling": (1, 2)}, "rate, scale and exponent"),
        ({"radial_scaling": {"speed": 1}}, "rate, scale and exponent"),
        ({"radial_scaling": (1, 2, 2.5)}, "exponent: expected an integer"),
        ({"radial_scaling": (0, 2, 2)}, "rate: expected a number > 0"),
        ({"center_weight": -1}, "center_weight"),
        ({"backend": "rust"}, "expected one of numba, featomic, librascal, got 'rust'"),
    ],
)
def test_hyperparameters_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        SOAP(**options)


def test_unknown_hyperparameter_is_named():
    with pytest.raises(ValueError, match="sigma"):
        SOAP.from_dict({"sigma": 0.4})
