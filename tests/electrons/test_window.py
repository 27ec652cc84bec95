"""Window of known states: the temperatures it allows, and the room it has."""

import re

import numpy as np
import pytest
from toy_dos import free_electrons, semiconductor

from ase_dos.electrons.gas import (
    gas_from_dos,
    gas_from_eigenvalues,
    highest_temperature,
)


def highest(error):
    return float(re.search(r"supports up to (\S+) K", str(error.value)).group(1))


def test_window_error_names_a_temperature_that_works():
    e, g = free_electrons(top=14.0)
    with pytest.raises(ValueError, match="supports up to") as error:
        gas_from_dos(e, g, 40.0, 20000.0)
    limit = highest(error)
    gas_from_dos(e, g, 40.0, limit)
    with pytest.raises(ValueError, match="supports up to"):
        gas_from_dos(e, g, 40.0, 1.01 * limit)
    with pytest.raises(ValueError, match="supports up to") as error:
        gas_from_dos(e, g, [40.0, 30.0], [300.0, 20000.0], valid_to=12.0)
    assert highest(error) < limit
    gas_from_dos(e, g, [40.0, 30.0], highest(error), valid_to=12.0)
    assert highest_temperature(e, g, 40.0) == pytest.approx(limit, rel=1e-9)
    both = highest_temperature(e, g, [40.0, 30.0], valid_to=12.0)
    assert both == pytest.approx(highest(error), rel=1e-9)
    empty_above = np.where(e < 6.0, g, 0.0)
    assert highest_temperature(e, empty_above, 15.0) == pytest.approx(1e6, rel=1e-3)


def test_window_may_miss_more_electrons_where_that_is_allowed():
    e, g = free_electrons(top=14.0)
    all_states = free_electrons(top=60.0)
    with pytest.raises(ValueError, match="supports up to") as error:
        gas_from_dos(e, g, 10.0, 15_000.0)
    at_limit = gas_from_dos(e, g, 10.0, highest(error)).heat_capacity
    whole = gas_from_dos(*all_states, 10.0, highest(error)).heat_capacity
    assert at_limit == pytest.approx(whole, rel=5e-4)
    allowed = gas_from_dos(e, g, 10.0, 15_000.0, missed_electrons=1e-4).heat_capacity
    whole = gas_from_dos(*all_states, 10.0, 15_000.0).heat_capacity
    assert 1e-3 < 1 - allowed / whole < 0.03
    with pytest.raises(ValueError, match="supports up to"):
        gas_from_dos(e, g, 10.0, 25_000.0, missed_electrons=1e-4)
    levels = np.linspace(0, 10, 101)[None, None]
    with pytest.raises(ValueError, match="supports up to"):
        gas_from_eigenvalues(levels, [1.0], 80.0, 2.0, 8000.0)
    gas_from_eigenvalues(levels, [1.0], 80.0, 2.0, 8000.0, missed_electrons=1e-2)
    with pytest.raises(ValueError, match="missed_electrons"):
        gas_from_dos(e, g, 10.0, 300.0, missed_electrons=0.0)


def test_window_of_truncated_bands():
    k = np.linspace(0, 1, 40)
    eigenvalues = np.stack([4 * k**2, 4 * (k - 2) ** 2], axis=1)[None]
    weights = np.full(40, 1 / 40)
    with pytest.raises(ValueError, match="supports up to") as error:
        gas_from_eigenvalues(eigenvalues, weights, 1.0, 2.0, 8000.0)
    gas_from_eigenvalues(eigenvalues, weights, 1.0, 2.0, highest(error))
    gas_from_eigenvalues(eigenvalues, weights, 1.0, 2.0, 8000.0, top=np.inf)
    with pytest.raises(ValueError, match="expected room for all electrons and empty states"):
        gas_from_eigenvalues(eigenvalues, weights, 4.0, 2.0, 300.0, top=np.inf)


def test_more_electrons_than_states():
    e, g = free_electrons()
    with pytest.raises(ValueError, match="n_electrons = 1000, but the states known up to"):
        gas_from_dos(e, g, 1000.0, 300.0)
    with pytest.raises(ValueError, match="up to 2 eV"):
        gas_from_dos(e, g, 12.0, 300.0, valid_to=2.0)
    # Only the occupied bands: nowhere to excite to.
    e, g, n = semiconductor()
    with pytest.raises(ValueError, match="empty states"):
        gas_from_dos(e[e < 0.3], g[e < 0.3], n, 0.0)
