"""Floors of the house, and a reader of imports that counts arrows, floors and circles.

``python tests/architecture.py [FOLDER]`` prints them for a package (by default this one). An arrow
leads from a room, which is a package or a module that stands alone, to one that it imports,
wherever the import stands: at the top of a module, in a function, or for type checkers only.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator, Set
from functools import cache
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

PACKAGE = Path(__file__).resolve().parents[1] / "ase_dos"

# From the ground up; a package imports only what stands on lower floors.
FLOORS = (
    ("utils", "kernels", "plot"),
    ("electrons",),
    ("spectra",),
    ("descriptors", "io", "bands"),
    ("fit", "results", "tight_binding"),
    ("model", "density"),
    ("model_selection", "trajectory", "adapters"),
    ("dynamics", "cli"),
)
# Below all floors: the version, and how packages name what is in them.
GROUND = {"__init__", "_lazy", "_version"}
# Names of parameters with a value of a known type, for which `Any` is no annotation.
OURS = {
    "alignment",
    "atoms",
    "average",
    "averages",
    "ax",
    "curve",
    "dataset",
    "descriptor",
    "dos",
    "dynamics",
    "ensemble",
    "evaluation",
    "excitation",
    "figure",
    "frame",
    "frames",
    "gas",
    "grid",
    "groups",
    "local",
    "local_map",
    "model",
    "posterior",
    "predicted",
    "quantities",
    "quantity",
    "reader",
    "record",
    "regression",
    "regressor",
    "report",
    "result",
    "results",
    "ridge",
    "search",
    "series",
    "soap",
    "solution",
    "source",
    "states",
    "store",
    "structures",
    "table",
    "target",
    "targets",
    "topology",
    "trained",
}

Edges = Set[tuple[str, str]]


@cache
def modules(package: Path) -> dict[str, Path]:
    """Files of a package by the name of their module within it."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)
        found[name] = path
    return found


def imports(path: Path, package: Path) -> Iterator[str]:
    """Modules of the package that a file imports, named within it."""
    names = modules(package)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            base = node.module or ""
            found = [f"{base}.{alias.name}" for alias in node.names] if node.level == 0 else []
        elif isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        else:
            continue
        for full in found:
            head, _, inner = full.partition(".")
            while head == package.name and inner:
                if inner in names:
                    yield inner
                    break
                inner = inner.rpartition(".")[0]


def room(module: str) -> str:
    """Package, or lone module, that a module is in."""
    return module.partition(".")[0]


@cache
def arrows(package: Path, of: Callable[[str], str] = room) -> Edges:
    """Pairs of what imports and what is imported, by rooms or as ``of`` names modules."""
    pairs = {
        (of(module), of(other))
        for module, path in modules(package).items()
        for other in imports(path, package)
    }
    return frozenset((a, b) for a, b in pairs if a != b and not {a, b} & GROUND)


def circles(edges: Edges) -> list[list[str]]:
    """Groups of nodes each of which leads back to itself through the others."""
    nodes = sorted({node for edge in edges for node in edge})
    place = {node: i for i, node in enumerate(nodes)}
    if not nodes:
        return []
    rows, columns = zip(*((place[a], place[b]) for a, b in sorted(edges)), strict=True)
    graph = csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(nodes),) * 2)
    labels = connected_components(graph, directed=True, connection="strong")[1]
    groups = [[nodes[i] for i in np.flatnonzero(labels == label)] for label in np.unique(labels)]
    return [group for group in groups if len(group) > 1]


def height(edges: Edges) -> int:
    """Number of floors that the arrows need; a circle counts as one room."""
    owner = {node: node for edge in edges for node in edge}
    owner |= {node: group[0] for group in circles(edges) for node in group}
    floors = dict.fromkeys(owner.values(), 1)
    for _ in floors:
        for a, b in edges:
            if owner[a] != owner[b]:
                floors[owner[a]] = max(floors[owner[a]], floors[owner[b]] + 1)
    return max(floors.values(), default=0)


def loose_parameters(path: Path) -> list[str]:
    """Parameters and fields of a file that hold a value of ours but are annotated `Any`."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.arg) and node.annotation is not None:
            name, annotation = node.arg, node.annotation
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name, annotation = node.target.id, node.annotation
        else:
            continue
        if name in OURS and ast.unparse(annotation) in ("Any", "Any | None"):
            found.append(f"{path.name}:{node.lineno} {name}")
    return found


def main() -> None:
    """Print what the reader counts."""
    package = Path(sys.argv[1]) if len(sys.argv) > 1 else PACKAGE
    edges = arrows(package)
    inner = arrows(package, of=lambda module: module)
    loose = [one for path in modules(package).values() for one in loose_parameters(path)]
    rooms = {room(module) for module in modules(package)} - GROUND
    print(f"{len(rooms)} rooms on {height(edges)} floors, {len(edges)} arrows between them")
    print(f"circles of rooms: {circles(edges) or 'none'}")
    print(
        f"{len(modules(package))} modules, {len(inner)} arrows, circles: {circles(inner) or 'none'}"
    )
    print(f"parameters with a value of ours annotated Any: {len(loose)}")
    for one in loose:
        print(f"  {one}")


if __name__ == "__main__":
    main()
