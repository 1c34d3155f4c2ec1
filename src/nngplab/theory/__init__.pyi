from .eigenframework import PredictedErrors as PredictedErrors
from .eigenframework import predicted_errors as predicted_errors
from .targets import TargetPower as TargetPower
from .targets import sine_target_power as sine_target_power
