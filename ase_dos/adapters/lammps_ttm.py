"""Parameter file of LAMMPS ``fix ttm/mod``: a heat capacity in its analytic form, other entries.

    C_e = C_0 + (a_0 + a_1 X + a_2 X^2 + a_3 X^3 + a_4 X^4) exp(-(A X)^2),     X = T_e / 1000 K

https://docs.lammps.org/fix_ttm.html. LAMMPS divides by C_e at whatever T_e it comes to. So the fit
stays above zero at every temperature, and beyond the last one within a factor of two of what it is
there. At a given A it is a linear least-squares problem with linear inequalities.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import solve_triangular
from scipy.optimize import minimize_scalar, nnls

from ase_dos.results.heat_capacity_table import HeatCapacityTable
from ase_dos.utils.checks import as_array, as_positive
from ase_dos.utils.files import replace_file

__all__ = [
    "ENTRIES",
    "GaussianPolynomial",
    "check_entries",
    "fit_gaussian_polynomial",
    "write_ttm_mod",
]

LEAST = 1e-4  # of the largest C_e: the fit is not below that on a grid
NEGLIGIBLE = 0.01  # of the largest C_e: smaller ones are fitted to this accuracy
BEYOND = 2.0  # factor that the fit may change by beyond the last temperature
DEGREE = 4
ABOVE_ZERO = ("rho_e", "gamma_p", "l_skin", "n_ion")  # LAMMPS divides by them

# Entries after those of C_e in the order of the file: unit (LAMMPS metal) and default. NaN has to
# be given or follows from the table; zero switches off what the entry belongs to.
ENTRIES: dict[str, tuple[str, float | int]] = {
    "rho_e": ("electrons/Angstrom^3", np.nan),
    "D_e": ("Angstrom^2/ps, heat diffusivity of the electrons", 0.0),
    "gamma_p": ("u/ps, friction of electron-ion interactions", np.nan),
    "gamma_s": ("u/ps, friction of electronic stopping", 0.0),
    "v_0": ("Angstrom/ps, critical velocity of electronic stopping", 0.0),
    "I_0": ("eV/ps/Angstrom^2, absorbed intensity of a pulse", 0.0),
    "lsurface": ("cells of the electron grid, first one with matter along x", 0),
    "rsurface": ("cells of the electron grid, first one without matter", 1_000_000),
    "l_skin": ("cells of the electron grid, skin depth of the pulse", 1),
    "tau": ("ps, duration of the pulse", 0.0),
    "B": ("electronic pressure over rho_e C_e T_e", 0.0),
    "lambda": ("Angstrom, free path of electrons at a moving surface", 0.0),
    "n_ion": ("ions/Angstrom^3", np.nan),
    "surface_movement": ("0 or 1, whether matter may enter empty cells", 0),
    "T_e_min": ("K, lowest temperature of cells of the grid", 0.0),
}


@dataclass(frozen=True, eq=False)
class GaussianPolynomial:
    """Heat capacity in the form of ``fix ttm/mod``.

    Attributes
    ----------
    plateau : float
        C_0, the limit at high temperature.
    coefficients : (5,) array
        a_0 to a_4, with X in 1000 K.
    damping : float
        A (1/1000 K).
    relative_errors : (m,) array
        Deviations from the given values, divided by these values, or by one hundredth of the
        largest of them where that is more.
    """

    plateau: float
    coefficients: NDArray
    damping: float
    relative_errors: NDArray

    def __call__(self, temperature: ArrayLike) -> NDArray:
        """Return the heat capacity at temperatures (K), in the unit of the fitted values."""
        x = np.asarray(temperature, dtype=float) / 1000.0
        return _basis(x, self.damping) @ np.append(self.plateau, self.coefficients)

    @property
    def max_error(self) -> float:
        """Largest relative error of the fit."""
        return float(np.abs(self.relative_errors).max())

    @property
    def rms_error(self) -> float:
        """Root-mean-square relative error of the fit."""
        return float(np.sqrt(np.mean(self.relative_errors**2)))

    def quality(self) -> str:
        """Say how good the fit is."""
        return (
            f"fit of C_e with errors of {100 * self.max_error:.2g} % at most, "
            f"{100 * self.rms_error:.2g} % in the mean square"
        )

    def expression(self) -> str:
        """Return the curve as an expression in T (K) with ``exp``, for SymPy and udkm1Dsim."""
        powers = ["", *(f"*T**{k}" for k in range(1, DEGREE + 1))]
        terms = " + ".join(
            f"{a / 1000.0**k:.8e}{power}"
            for k, (a, power) in enumerate(zip(self.coefficients, powers, strict=True))
        )
        return f"{self.plateau:.8e} + ({terms})*exp(-({self.damping / 1000.0:.8e}*T)**2)"


def fit_gaussian_polynomial(temperatures: ArrayLike, values: ArrayLike) -> GaussianPolynomial:
    """Fit the form of ``fix ttm/mod`` to a heat capacity.

    Parameters
    ----------
    temperatures : (m,) array_like
        Temperatures (K), rising, above zero; eight or more.
    values : (m,) array_like
        Heat capacities above zero, in any unit.

    Raises
    ------
    ValueError
        If the input is malformed or too short.
    """
    t = as_array(temperatures, "temperatures", (None,))
    c = as_array(values, "values", t.shape)
    if t.size < 8 or t[0] <= 0 or (np.diff(t) <= 0).any():
        raise ValueError("temperatures: expected eight or more, rising, above 0 K")
    if (c <= 0).any():
        raise ValueError(f"values: expected heat capacities above 0, got {c.min():g}")
    x, y = t / t[-1], c / c.max()
    candidates = np.geomspace(0.3, 8.0, 50)
    errors = [_solve(x, y, a)[0] for a in candidates]
    best = int(np.argmin(errors))
    around = candidates[[max(best - 1, 0), min(best + 1, candidates.size - 1)]]
    found = minimize_scalar(
        lambda a: _solve(x, y, a)[0], bounds=around, method="bounded", options={"xatol": 1e-7}
    )
    damping = min((found.x, candidates[best]), key=lambda a: _solve(x, y, a)[0])
    _, solution, residuals = _solve(x, y, damping)
    scale, solution = t[-1] / 1000.0, c.max() * solution
    return GaussianPolynomial(
        float(solution[0]),
        solution[1:] / scale ** np.arange(DEGREE + 1),
        damping / scale,
        residuals,
    )


def write_ttm_mod(
    path: str | os.PathLike,
    table: HeatCapacityTable,
    coupling: float | None = None,
    entries: Mapping[str, float] | None = None,
) -> GaussianPolynomial:
    """Write the parameter file of ``fix ttm/mod``, units metal.

    Parameters
    ----------
    path : str or path
        File to write.
    table : HeatCapacityTable
        Heat capacity, and the density of atoms and electrons.
    coupling : float, optional
        Electron-phonon coupling G (W/m^3/K), above zero, for ``gamma_p``
        (`ase_dos.results.heat_capacity_table.HeatCapacityTable.friction`).
    entries : mapping, optional
        Other entries by their LAMMPS names, see `ENTRIES`, among them ``gamma_p`` in place of the
        coupling.

    Returns
    -------
    GaussianPolynomial
        The fit (eV/K per electron).

    Raises
    ------
    ValueError
        If an entry is unknown or out of range, neither or both of coupling and ``gamma_p`` are
        given, the structures have no volume, or the table is too short for a fit.

    Notes
    -----
    LAMMPS reads ``l_skin`` as a whole number of cells. ``rho_e`` enters nothing but the product
    ``rho_e C_e``: whatever it is set to, C_e is written so that the product is that of the table.
    Of every two lines LAMMPS skips the first.
    """
    entries = entries or {}
    check_entries(coupling, entries)
    chosen = _fill_entries(table, coupling, entries)
    per_electron = 1.0 / (table.require_volume() * chosen["rho_e"])
    fit = fit_gaussian_polynomial(table.temperatures, per_electron * table.heat_capacity.mean)
    span = f"{table.temperatures[0]:g} to {table.temperatures[-1]:g} K"
    numbers = [
        (f"a_{k}, eV/K per electron and (1000 K)^{k}", a) for k, a in enumerate(fit.coefficients)
    ]
    numbers += [("C_0, eV/K per electron", fit.plateau), ("A, 1/(1000 K)", fit.damping)]
    numbers += [(f"{name}, {ENTRIES[name][0]}", value) for name, value in chosen.items()]
    # LAMMPS takes the unit style from the first line, and from no line that begins with a hash.
    first = f"UNITS: metal COMMENT: {table.source}; C_e from {span}"
    lines = [line for remark, value in numbers for line in (remark, f"{value:.12g}")]
    lines[0] = f"{lines[0]}; {first}"
    text = "\n".join(lines) + "\n"
    replace_file(path, lambda file: file.write(text.encode()))
    return fit


def check_entries(coupling: float | None, entries: Mapping[str, float]) -> None:
    """Refuse entries that `write_ttm_mod` would refuse for any table."""
    unknown = sorted(set(entries) - set(ENTRIES))
    if unknown:
        raise ValueError(
            f"ttm/mod has no entry {', '.join(unknown)}; expected {', '.join(ENTRIES)}"
        )
    if (coupling is None) == ("gamma_p" not in entries):
        raise ValueError(
            "fix ttm/mod: expected either the electron-phonon coupling G (W/m^3/K) or gamma_p; "
            "it does not follow from the DOS"
        )
    if coupling is not None:
        as_positive(coupling, "coupling")
    for name, value in entries.items():
        as_positive(value, name, zero=name not in ABOVE_ZERO)
        if isinstance(ENTRIES[name][1], int) and value != int(value):
            raise ValueError(f"{name}: expected a whole number, got {value:g}")
    chosen = {name: default for name, (_, default) in ENTRIES.items()} | dict(entries)
    if chosen["rsurface"] <= chosen["lsurface"]:
        raise ValueError("rsurface: expected more than lsurface")
    if chosen["surface_movement"] and not (chosen["T_e_min"] and chosen["lambda"]):
        raise ValueError("surface_movement: needs T_e_min and lambda above 0")


def _fill_entries(
    table: HeatCapacityTable, coupling: float | None, entries: Mapping[str, float]
) -> dict[str, float]:
    """Values of `ENTRIES`: given, from the table, or default."""
    density = 1.0 / table.require_volume()
    chosen = {name: default for name, (_, default) in ENTRIES.items()}
    chosen |= {"rho_e": table.electrons * density, "n_ion": density}
    if coupling is not None:
        chosen["gamma_p"] = table.friction(coupling)
    return chosen | dict(entries)


def _basis(x: NDArray, damping: float) -> NDArray:
    """Functions (..., 6) that C_0 and a_0 to a_4 multiply."""
    x = np.asarray(x)[..., None]
    powers = x ** np.arange(DEGREE + 1) * np.exp(-((damping * x) ** 2))
    return np.concatenate([np.ones_like(x), powers], axis=-1)


def _solve(x: NDArray, y: NDArray, damping: float) -> tuple[float, NDArray, NDArray]:
    """Best curve of this damping, for temperatures and values of which the last, largest are 1.

    Returns the root-mean-square relative error, C_0 with a_0 to a_4, and all relative errors.
    """
    weights = 1.0 / np.maximum(y, NEGLIGIBLE)
    reach = max(6.0 / damping, 1.5)  # exp(-36) beyond: only C_0 is left
    grid = np.concatenate([np.linspace(0.0, 1.0, 300), np.linspace(1.0, reach, 200)[1:]])
    curve, outside = _basis(grid, damping), grid > 1.0
    low = np.where(outside, y[-1] / BEYOND, LEAST)
    high = np.full(int(outside.sum()), -BEYOND * y[-1])
    solution = _least_squares(
        weights[:, None] * _basis(x, damping),
        weights * y,
        np.concatenate([curve, -curve[outside]]),
        np.concatenate([low, high]),
    )
    errors = weights * (_basis(x, damping) @ solution - y)
    return float(np.sqrt(np.mean(errors**2))), solution, errors


def _least_squares(e: NDArray, f: NDArray, g: NDArray, h: NDArray) -> NDArray:
    """Minimise ``|e z - f|`` where ``g z >= h`` (some z does), as nonnegative least squares.

    C. L. Lawson and R. J. Hanson, Solving Least Squares Problems (SIAM, 1995), chapter 23.
    """
    q, r = np.linalg.qr(e)
    bounds = solve_triangular(r.T, g.T, lower=True).T
    center = q.T @ f
    target = np.append(np.zeros(len(r)), 1.0)
    stacked = np.vstack([bounds.T, h - bounds @ center])
    u, _ = nnls(stacked, target)
    residual = stacked @ u - target
    return solve_triangular(r, center - residual[:-1] / residual[-1])
