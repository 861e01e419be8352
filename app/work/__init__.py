"""Running: the worker claims runs, the executor drives the graph for one."""
