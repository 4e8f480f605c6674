"""The compiled code: everything that runs once a mini-batch or more often.

Read in this order: `cache` (machine code on disk), `compilation` (how kernels are compiled), `arguments` (what they
are given), `processor` (its vectors and multiply-adds), `vectors` (vector code), `products` (of matrices),
`elementary` (exp, tanh, ...), `activations`, `own_activations` (those of users), `elementwise` (loops),
`regression_losses`, `classification_losses`, `losses` (their table), `dropout`, `propagation` (of rows through
layers), `updates` (a solver's step), `atomics` and `team` (threads that share work), `prediction`, `training` (the loop
over mini-batches), `curvature` (products with the Hessian).
"""
