"""Material constants that depend on T_e: units, labels, and values without meaning."""

import numpy as np
import pytest

from ase_dos.dynamics.temperature_function import TemperatureFunction

T = np.array([300.0, 1000.0, 3000.0])


def test_a_number_is_a_constant_function():
    constant = TemperatureFunction(2.5, "coupling", 4.0)
    np.testing.assert_array_equal(constant(T), [10.0, 10.0, 10.0])
    assert constant.label == 2.5


def test_a_function_is_called_with_the_temperatures():
    def gamma(temperature):
        return 1e-3 * temperature

    function = TemperatureFunction(gamma, "conductivity", 2.0)
    np.testing.assert_allclose(function(T), 2e-3 * T)
    assert function.label == "gamma"


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_constants_without_meaning(value):
    with pytest.raises(ValueError, match="coupling: "):
        TemperatureFunction(value, "coupling", 1.0)


def test_values_without_meaning_are_named_with_their_temperature():
    function = TemperatureFunction(lambda t: 2000.0 - t, "coupling", 1.0)
    with pytest.raises(ValueError, match=r"expected numbers >= 0 .* got -1000 at 3000 K"):
        function(T)
