"""Choice of a model: split of the data, search, learning curve, report."""

from ase_dos._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "LearningCurve": "learning",
        "Report": "report",
        "error_bars": "report",
        "learning_curve": "learning",
        "make_options": "hyperparameters",
        "search_hyperparameters": "search",
        "validation_rows": "split",
    },
)
