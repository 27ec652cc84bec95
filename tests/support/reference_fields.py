"""Plain twins of the Markov fields: all labelings, and messages as the formulas stand."""

import itertools

import numpy as np


class PlainField:
    """Costs (rows, columns, labels), and the weight and shift of each pair of neighbours."""

    def __init__(self, costs, weights_x, weights_y, shifts_x, shifts_y):
        self.costs = costs
        rows, columns, self.labels = costs.shape
        self.nodes = list(itertools.product(range(rows), range(columns)))
        self.pairs = {}
        for i, j in self.nodes:
            for other, weights, shifts in (
                ((i + 1, j), weights_x, shifts_x),
                ((i, j + 1), weights_y, shifts_y),
            ):
                if other in self.nodes and weights[i, j] > 0:
                    self.pairs[(i, j), other] = weights[i, j], shifts[i, j]

    def pair_costs(self, one, other):
        """Costs (labels of one, labels of the other)."""
        if (other, one) in self.pairs:
            return self.pair_costs(other, one).T
        weight, shift = self.pairs[one, other]
        labels = np.arange(self.labels)
        return weight * (labels[:, None] - labels + shift) ** 2

    def neighbors(self, node):
        return [b if a == node else a for a, b in self.pairs if node in (a, b)]

    def energy(self, labels):
        return sum(self.costs[node][labels[node]] for node in self.nodes) + sum(
            self.pair_costs(a, b)[labels[a], labels[b]] for a, b in self.pairs
        )

    def epoch(self, labels):
        """Conditional modes of the even nodes of a checkerboard, then of the odd ones."""
        labels = labels.copy()
        for color in (0, 1):
            before = labels.copy()
            for node in self.nodes:
                if sum(node) % 2 == color:
                    others = self.neighbors(node)
                    pairs = [self.pair_costs(node, o)[:, before[o]] for o in others]
                    labels[node] = np.argmin(self.costs[node] + sum(pairs))
        return labels

    def energies(self):
        """Energy of every labeling (labels of the first node, of the second, ...)."""
        n = len(self.nodes)
        total = np.zeros((self.labels,) * n)
        for axis, node in enumerate(self.nodes):
            total += self.costs[node].reshape([-1 if a == axis else 1 for a in range(n)])
        for a, b in self.pairs:
            axes = [self.nodes.index(a), self.nodes.index(b)]
            shape = [self.labels if axis in axes else 1 for axis in range(n)]
            total += self.pair_costs(a, b).reshape(shape)
        return total


def dense_precision(curvature, weights_x, weights_y):
    """Precision of a Gaussian field as a matrix, pair by pair."""
    rows, columns = curvature.shape
    matrix = np.diag(curvature.ravel())
    number = np.arange(rows * columns).reshape(rows, columns)
    for one, other, weights in (
        (number[:-1], number[1:], weights_x),
        (number[:, :-1], number[:, 1:], weights_y),
    ):
        for a, b, weight in zip(one.ravel(), other.ravel(), weights.ravel(), strict=True):
            pair = np.zeros(rows * columns)
            pair[a], pair[b] = 1.0, -1.0
            matrix += weight * np.outer(pair, pair)
    return matrix


class TreeReweighted:
    """Messages of Kolmogorov's TRW-S for each direction of each edge."""

    def __init__(self, field):
        self.field = field
        ends = [pair for a, b in field.pairs for pair in ((a, b), (b, a))]
        self.messages = {pair: np.zeros(field.labels) for pair in ends}

    def run(self, forth):
        """Labels, their energy and the bound of one pass."""
        field, order = self.field, self.field.nodes[:: 1 if forth else -1]
        labels, bound = {}, 0.0
        for place, node in enumerate(order):
            others = field.neighbors(node)
            later = [other for other in others if other in order[place:]]
            guess = field.costs[node].copy()
            for other in others:
                known = other not in later
                guess += (
                    field.pair_costs(node, other)[:, labels[other]]
                    if known
                    else self.messages[other, node]
                )
            labels[node] = int(np.argmin(guess))
            belief = field.costs[node] + sum(self.messages[other, node] for other in others)
            bound += belief.min()
            belief -= belief.min()
            for other in later:
                share = belief / max(len(later), len(others) - len(later))
                lifted = share - self.messages[other, node]
                message = (lifted[:, None] + field.pair_costs(node, other)).min(0)
                bound += message.min()
                self.messages[node, other] = message - message.min()
        return labels, field.energy(labels), bound
