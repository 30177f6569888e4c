"""Kernels for NVIDIA devices, written in Triton, and the graphs that replay them.

Rule 1: only a forward on a CUDA device imports this room; Triton comes with torch's CUDA build.
Rule 2: every kernel has a plain twin in torch beside its test; Triton's interpreter runs both on
a CPU, so their numbers are checked on every machine and their speed on none but a real device.
"""
