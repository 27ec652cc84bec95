"""Fits: features and targets in, weights and energy references out; no atoms."""
