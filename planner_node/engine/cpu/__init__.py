"""The forward of a few tokens on a CPU as one compiled function, over all layers and threads.

A step of the engine is some two hundred small calls of torch, and for few tokens most of its time
is theirs. numba compiles ours at the first start, for the processor it finds, without a compiler
on the machine: the one library that does, kept well for a decade. Files that end in ``_kernel``
are in its dialect of Python.
"""
