from .cholesky import NotPositiveDefiniteError as NotPositiveDefiniteError
from .classifier import KernelClassifier as KernelClassifier
from .estimator import KernelRegression as KernelRegression
from .estimator import predict_all as predict_all
from .feature_machine import RecursiveFeatureMachine as RecursiveFeatureMachine
from .memory import memory_needed as memory_needed
from .selection import select_model as select_model
from .singular import condition_number as condition_number
