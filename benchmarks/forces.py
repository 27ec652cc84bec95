"""What hot-electron forces cost, and how exact they are.

    python benchmarks/forces.py [--sizes 1000 110592] [--repeats 5] [--threads 1]

First table: energy, forces and stress by `DOSCalculator` with the shipped silicon model against
the local DOS alone (its coefficients for every atom), rattled silicon, medians over repeats in
which the two take turns; memory is what a process of its own needs beyond what it held before.
Second table: largest relative deviation of forces and stress from central differences of the free
energy, for every kind of model, on a crystal, a small skewed cell and a cluster. Differences are
taken at the step, of those tried, at which they agree best with each other.
"""
