"""Checks of input, safe files, parallel runs, statistics, quantities and warnings."""
