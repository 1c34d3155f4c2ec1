"""What the scripts of the pipeline share: command line, files, seeds, configuration, statistics."""
