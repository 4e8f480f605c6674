"""The compiled code: everything that runs once a mini-batch or more often.

Read in this order: `cache` (machine code on disk), `compilation` (how kernels are compiled), `processor` (its vectors
and multiply-adds), `vectors` (vector code), `products` (of matrices), `elementary` (exp, tanh, ...), `activations`,
`losses`, `propagation` (forward and backward), `updates` (a solver's step), `epochs` (the loop over mini-batches that
ties them together), `curvature` (products with the Hessian).
"""
