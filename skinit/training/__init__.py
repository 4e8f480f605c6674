"""From data to a trained network: the epoch loop, solvers, the automatic step."""
