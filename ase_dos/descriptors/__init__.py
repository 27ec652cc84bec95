"""Features of atoms: neighbours, the SOAP power spectrum, and maps of features."""

from ase_dos._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "EquivariantPoints": "equivariant_points",
        "LambdaSOAP": "lambda_soap",
        "NeighborSearch": "neighbors",
        "Pairs": "neighbors",
        "RadialScaling": "radial",
        "SOAP": "soap",
        "find_pairs": "neighbors",
        "optimal_radial_basis": "radial_basis",
    },
)
