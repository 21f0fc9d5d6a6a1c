"""What auheat costs, measured side by side with its peers: one module for each `auheat bench` verb.

Machines are shared and noisy, so candidates take turns, round after round, and what counts are
medians and ratios of the same round. Beside every figure stands what the machine itself can do.
"""
