"""Networks, data and threads. Training, predictions and Hessian products reach the kernels only through this folder."""
