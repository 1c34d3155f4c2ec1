"""Neural networks and their NNGP kernels: the library behind the pipeline of Problem Set 3 of MIT 6.S088."""

from nngplab._lazy import attach

__getattr__, __all__ = attach(
    __name__,
    {
        "errors": ["InputError"],
        "kernels.duals": ["DUALS", "Dual"],
        "kernels.tabulated": ["dual_of"],
        "kernels.gram": ["laplace", "linear", "nngp", "ntk"],
        "regression.estimator": ["KernelRegression"],
        "regression.feature_machine": ["RecursiveFeatureMachine"],
    },
)
