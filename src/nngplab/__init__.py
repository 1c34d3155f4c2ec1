"""Neural networks and their NNGP kernels: the library behind the pipeline of Problem Set 3 of MIT 6.S088."""

from nngplab._lazy import attach

__getattr__, __all__ = attach(
    __name__,
    {
        "errors": ["InputError"],
        "kernels.dual": ["Dual"],
        "kernels.duals": ["DUALS"],
        "kernels.gram": ["laplace", "linear", "nngp", "ntk"],
        "kernels.objects": ["NNGP", "NTK", "Function", "Laplace", "Linear"],
        "kernels.tabulated": ["dual_of"],
        "regression.estimator": ["KernelRegression"],
        "regression.feature_machine": ["RecursiveFeatureMachine"],
    },
)
