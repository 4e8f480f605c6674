"""The compiled code: everything that runs at least once for each mini-batch.

A module imports only modules above it in this list, so read them from top to bottom. The modules with a star have
the formulas of networks. The others make them fast.

- `cache`: machine code on disk
- `compilation`: how a Python function becomes a kernel
- `arguments`: the named tuples that kernels take
- `processor`: the processor's vectors and multiply-adds
- `vectors`: vector code for LLVM
- `products`: matrix products
- `elementary`: exp, log, tanh and others
- `activations` *: the table of activations
- `own_activations`: activations that users write
- `elementwise`: loops over matrices
- `regression_losses`, `classification_losses` *: one kernel for each loss
- `losses` *: the table of losses
- `dropout`: random units to leave out
- `propagation` *: one block of rows, forward and backward
- `updates` *: the step of each solver
- `atomics`, `team`: threads that share work
- `prediction`: forward passes over all rows
- `training`: steps over all mini-batches
- `curvature` *: products with the Hessian
"""
