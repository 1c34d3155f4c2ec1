"""The figures of the report: a module for each problem, and what they share."""
