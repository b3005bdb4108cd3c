"""The fault campaign: many jobs, many faults, many killed clients, and then the books are compared.

A real gateway stands behind a proxy that can be closed. Client processes with the real engine share one state
folder, are killed (SIGKILL) at random moments and started again with the same requests. Every choice is made by
a generator with a seed; only the moments at which the system runs which process differ from run to run.
"""
