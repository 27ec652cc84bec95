"""One page on the results of a trajectory: figures, tables, provenance, structures.

The page is a single file that needs no network.
"""

from ase_dos.results.html.report import report_page, write_report

__all__ = ["report_page", "write_report"]
