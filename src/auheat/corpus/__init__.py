"""Many videos into one dataset, on the processors of a machine or of a cluster."""
