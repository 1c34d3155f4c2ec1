"""Exact kernel regression and its solvers."""

from nngplab._lazy import attach

__getattr__, __all__ = attach(
    __name__,
    {
        "cholesky": ["NotPositiveDefiniteError"],
        "estimator": ["KernelRegression", "predict_all"],
        "feature_machine": ["RecursiveFeatureMachine"],
        "memory": ["memory_needed"],
        "singular": ["condition_number"],
    },
)
