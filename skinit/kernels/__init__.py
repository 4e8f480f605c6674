"""The compiled code: everything that runs once for each mini-batch or more often.

Read in this order: `cache` (machine code on disk), `compilation` (how kernels are compiled), `arguments` (the
kernels' arguments), `processor` (its vectors and multiply-adds), `vectors` (vector code), `products` (matrix
products), `elementary` (exp, tanh, ...), `activations`, `own_activations` (users' activations), `elementwise` (loops),
`regression_losses`, `classification_losses`, `losses` (the table of losses), `dropout`, `propagation` (rows through
layers), `updates` (solvers' steps), `atomics` and `team` (threads that share work), `prediction`, `training` (the loop
over mini-batches), `curvature` (products with the Hessian).
"""
