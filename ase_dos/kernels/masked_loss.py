"""Loss of targets of which only the first energies are known, against a fit."""

from __future__ import annotations

from ase_dos.kernels.jit import kernel


@kernel
def masked_loss(values, slopes, fit, known, of_dos, of_counts, first, gradient, unknown):
    """Sum of the losses of the residuals ``values - fit`` where targets are known.

    The quadratic form M of the loss is ``of_dos`` times the unit matrix plus ``of_counts`` times
    that of the cumulative sums (`ase_dos.fit.metric`).

    Parameters
    ----------
    values, slopes, fit : (n, m) array
        Targets, their derivatives and the fit, which becomes the residual.
    known : (n,) int array
        Targets are known at so many energies, from the first on; residuals at others are zero.
    of_dos, of_counts : float
    first : int
        Energy that some targets are not known at.
    gradient : (n,) array
        Becomes ``sum slopes M (values - fit)`` over known energies.
    unknown : (n, m - first) array
        Becomes ``M (values - fit)`` at unknown energies, zero at known ones.

    Returns
    -------
    float
        ``sum values M (values - fit)`` over known energies.
    """
    total = 0.0
    size = values.shape[1]
    for i in range(values.shape[0]):
        row, stop = fit[i], known[i]
        count = 0.0
        for j in range(stop):
            row[j] = values[i, j] - row[j]
            count += row[j]
        # Sums from above of the sums from below: those of the unknown energies are all the same.
        above = 0.0
        for j in range(size - 1, stop - 1, -1):
            above += count
            unknown[i, j - first] = of_counts * above
        slope = 0.0
        for j in range(stop - 1, -1, -1):
            above += count
            count -= row[j]
            weighted = of_dos * row[j] + of_counts * above
            total += values[i, j] * weighted
            slope += slopes[i, j] * weighted
        gradient[i] = slope
        for j in range(first, stop):
            unknown[i, j - first] = 0.0
    return total
