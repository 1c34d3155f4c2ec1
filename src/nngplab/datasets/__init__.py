"""The data of the problem set: fetched or generated, verified, loaded."""
