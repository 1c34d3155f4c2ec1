"""Neural networks and their NNGP kernels: the library behind the pipeline of Problem Set 3 of MIT 6.S088."""
