import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq

from ase_dos.bands.line_profile import LineProfile


@pytest.mark.parametrize("widths", [(0.05, 0.0), (0.0, 0.03), (0.04, 0.03)])
def test_area_is_one_and_fwhm_is_where_half_the_maximum_is(widths):
    line = LineProfile(*widths)
    inside, _ = quad(line.density, 0.0, 1.0, limit=200, epsabs=1e-12)
    outside, _ = quad(line.density, 1.0, np.inf, limit=200)
    assert 2.0 * (inside + outside) == pytest.approx(1.0, abs=1e-6)
    half = brentq(lambda x: float(line.density(x) - 0.5 * line.density(0.0)), 1e-6, 1.0)
    assert line.fwhm == pytest.approx(2.0 * half, rel=3e-4)


def test_bins_widen_the_line_as_a_box_does():
    line, step = LineProfile(0.05), 0.03
    e = np.linspace(-0.6, 0.6, 4001)
    box = np.linspace(-step / 2, step / 2, 2001)
    mean = np.array([line.density(x + box).mean() for x in e[::40]])
    np.testing.assert_allclose(line.binned(step).density(e[::40]), mean, atol=2e-3 * mean.max())


@pytest.mark.parametrize("widths", [(-0.1, 0.0), (0.0, 0.0), (np.nan, 0.1)])
def test_impossible_widths_are_refused(widths):
    with pytest.raises(ValueError, match=r"gaussian|lorentzian"):
        LineProfile(*widths)
