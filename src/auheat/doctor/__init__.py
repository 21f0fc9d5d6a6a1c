"""Whether this installation works: what is there, what is missing, and a face that is read."""
