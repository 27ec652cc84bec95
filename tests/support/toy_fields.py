"""Small Markov fields: random ones, and a band seen through counts."""

import numpy as np


def random_parts(seed, rows, columns, labels):
    """Arguments of a field with random costs, weights, shifts, and some pairs without weight."""
    rng = np.random.default_rng(seed)
    along_x, along_y = (rows - 1, columns), (rows, columns - 1)
    return (
        rng.normal(0, 2, (rows, columns, labels)),
        rng.uniform(0, 1, along_x) * (rng.random(along_x) > 0.2),
        rng.uniform(0, 1, along_y) * (rng.random(along_y) > 0.2),
        rng.normal(0, 1, along_x),
        rng.normal(0, 1, along_y),
    )


def band_costs(rows, columns, labels, counts=3.0, width=2.5, seed=0):
    """Negative log likelihood of each label, for a smooth band on a background, and the band."""
    rng = np.random.default_rng(seed)
    x, y = np.meshgrid(np.linspace(-1, 1, rows), np.linspace(-1, 1, columns), indexing="ij")
    band = labels / 2 + labels / 4 * np.sin(3 * x) * np.cos(4 * y)
    axis = np.arange(labels)
    line = np.exp(-((axis[:, None] - axis) ** 2) / (2 * width**2)) + 0.05
    seen = rng.poisson(counts * (np.exp(-((axis - band[..., None]) ** 2) / (2 * width**2)) + 0.05))
    return counts * line.sum(1) - seen @ np.log(line), band
