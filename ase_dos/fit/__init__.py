"""Learning: arrays in, weights and energy references out. Nothing here knows about atoms."""
