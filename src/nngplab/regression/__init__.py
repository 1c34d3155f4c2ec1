"""Exact kernel regression and its solvers."""

from nngplab._lazy import attach

__getattr__, __all__ = attach(
    __name__,
    {
        "estimator": ["KernelRegression", "condition_number", "memory_needed", "ridge_path"],
        "feature_machine": ["RecursiveFeatureMachine", "iteration_path"],
    },
)
