"""The engine: networks, data and threads, and the one door to the kernels."""
