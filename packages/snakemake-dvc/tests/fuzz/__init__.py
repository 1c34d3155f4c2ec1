"""Random sequences of changes and runs, checked against a model of the workflow.

`project` is the workflow, `model` computes the right results, `simulation` performs the steps and checks what must hold
after them, and `strategies` draws their arguments.
"""
