"""The workloads in PyTorch, as its users would write them.

Networks have `nn.Linear` layers. Training is a loop over mini-batches with `torch.optim.Adam`.
"""

import math
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F

from .speed_estimators import Skinit
from .speed_worker import Run
from .speed_workloads import ALPHA, BATCH_SIZE, BETA_1, BETA_2, EPSILON, LEARNING_RATE, Start, Workload, training_loss

ACTIVATIONS = {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh}
# Rows for each call if predictions are made in blocks.
BLOCK = 10_000


class PyTorch:
    """Everything that is done only once comes before the clock starts: layers, compilation and conversion of data."""

    def __init__(self, n_threads: int) -> None:
        torch.set_num_threads(n_threads)

    @staticmethod
    def _network(workload: Workload, sizes: list[int]) -> torch.nn.Sequential:
        modules: list[torch.nn.Module] = []
        for fan_in, fan_out in zip(sizes, sizes[1:], strict=False):
            modules.append(torch.nn.Linear(fan_in, fan_out, dtype=getattr(torch, workload.dtype)))
            modules.append(ACTIVATIONS[workload.activation]())
        return torch.nn.Sequential(*modules[:-1])

    @staticmethod
    @torch.no_grad()
    def _set_parameters(network: torch.nn.Sequential, coefs, intercepts) -> None:
        for linear, coef, intercept in zip(network[::2], coefs, intercepts, strict=True):
            linear.weight.copy_(torch.from_numpy(coef.T))
            linear.bias.copy_(torch.from_numpy(intercept))

    @staticmethod
    def _loss_of(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        if outputs.shape[1] == 1:
            return F.binary_cross_entropy_with_logits(outputs, targets)
        return F.cross_entropy(outputs, targets)

    @staticmethod
    def _targets(workload: Workload, y: np.ndarray) -> torch.Tensor:
        is_binary = y.max() == 1
        return torch.from_numpy(y.astype(workload.dtype).reshape(-1, 1) if is_binary else y)

    def fit(self, workload: Workload, X, y) -> dict[str, Run]:
        start = Start.of(workload, X, y)
        network = self._network(workload, workload.layer_sizes(X, y))
        inputs, targets = torch.from_numpy(X), self._targets(workload, y)
        weights = [linear.weight for linear in network[::2]]
        biases = [linear.bias for linear in network[::2]]

        def batch_loss(batch_inputs: torch.Tensor, batch_targets: torch.Tensor) -> torch.Tensor:
            return self._loss_of(network(batch_inputs), batch_targets)

        def train(batch_loss, implementation: str) -> torch.nn.Sequential:
            self._set_parameters(network, start.coefs, start.intercepts)
            optimizer = torch.optim.Adam(
                [{"params": weights}, {"params": biases}],
                lr=LEARNING_RATE,
                betas=(BETA_1, BETA_2),
                **{implementation: True},
            )
            of_weights, of_biases = optimizer.param_groups
            losses = []
            n_steps = 0
            for order in start.row_orders(y.size, workload.times):
                order = torch.from_numpy(order)
                # Gathering the rows once for each epoch saves calls.
                batches = zip(inputs[order].split(BATCH_SIZE), targets[order].split(BATCH_SIZE), strict=True)
                for batch_inputs, batch_targets in batches:
                    n_steps += 1
                    # scikit-learn divides the penalty by the rows of the batch, and adds epsilon before the bias
                    # correction.
                    of_weights["weight_decay"] = ALPHA / len(batch_inputs)
                    of_weights["eps"] = of_biases["eps"] = EPSILON / math.sqrt(1 - BETA_2**n_steps)
                    loss = batch_loss(batch_inputs, batch_targets)
                    loss.backward()
                    optimizer.step()
                    optimizer.zero_grad()
                    losses.append(loss.detach())
            return network

        def check(network: torch.nn.Sequential) -> float:
            coefs = [linear.weight.detach().numpy().T for linear in network[::2]]
            intercepts = [linear.bias.detach().numpy() for linear in network[::2]]
            return training_loss(workload, X, y, coefs, intercepts)

        runs = {
            "foreach": Run(partial(train, batch_loss, "foreach"), check),
            "fused": Run(partial(train, batch_loss, "fused"), check),
        }
        if workload.compiled:
            # The forward and the backward pass are compiled. Adam is a single kernel already.
            torch._dynamo.reset()
            runs["compile"] = Run(partial(train, torch.compile(batch_loss, dynamic=False), "fused"), check)
        return runs

    def _fitted(self, workload: Workload, X, y) -> torch.nn.Sequential:
        fitted = Skinit(1).fitted(workload, X, y)
        network = self._network(workload, workload.layer_sizes(X, y))
        self._set_parameters(network, fitted.coefs_, fitted.intercepts_)
        return network.eval()

    def predict(self, workload: Workload, X, y) -> dict[str, Run]:
        network = self._fitted(workload, X, y)
        inputs = torch.from_numpy(X)

        @torch.inference_mode()
        def predict(n_rows: int) -> np.ndarray:
            return torch.cat([network(block)[:, 0] > 0 for block in inputs.split(n_rows)]).numpy()

        return {"whole": Run(partial(predict, y.size), np.mean), "blocks": Run(partial(predict, BLOCK), np.mean)}

    def predict_one(self, workload: Workload, X, y) -> dict[str, Run]:
        network = self._fitted(workload, X, y)
        rows = [X[i : i + 1] for i in range(workload.times)]

        @torch.inference_mode()
        def predict() -> list[int]:
            return [network(torch.from_numpy(row)).argmax().item() for row in rows]

        return {"": Run(predict, np.mean)}

    def hessian_products(self, workload: Workload, X, y) -> dict[str, Run]:
        start = Start.of(workload, X, y)
        network = self._network(workload, workload.layer_sizes(X, y))
        self._set_parameters(network, start.coefs, start.intercepts)
        inputs, targets = torch.from_numpy(X), self._targets(workload, y)
        parameters = {name: parameter.detach() for name, parameter in network.named_parameters()}
        n_parameters = sum(parameter.numel() for parameter in parameters.values())

        def loss_of(parameters: dict) -> torch.Tensor:
            return self._loss_of(torch.func.functional_call(network, parameters, (inputs,)), targets)

        def iterate(multiply) -> float:
            direction = {name: torch.full_like(parameter, n_parameters**-0.5) for name, parameter in parameters.items()}
            for _ in range(workload.times):
                product = multiply(direction)
                norm = torch.sqrt(sum(torch.sum(part * part) for part in product.values()))
                direction = {name: part / norm for name, part in product.items()}
            return norm.item()

        def by_forward_mode() -> float:
            gradient = torch.func.grad(loss_of)
            return iterate(lambda direction: torch.func.jvp(gradient, (parameters,), (direction,))[1])

        def by_reverse_mode() -> float:
            # The graph of the gradient is built once, and each product passes backwards through it.
            variables = {name: parameter.clone().requires_grad_() for name, parameter in parameters.items()}
            places = list(variables.values())
            gradient = torch.autograd.grad(loss_of(variables), places, create_graph=True)

            def multiply(direction: dict) -> dict:
                product = torch.autograd.grad(gradient, places, list(direction.values()), retain_graph=True)
                return dict(zip(variables, product, strict=True))

            return iterate(multiply)

        return {
            "jvp of grad": Run(by_forward_mode, float),
            "grad of grad": Run(by_reverse_mode, float),
        }
