"""Tables and images for papers and documentation, from saved result files and face assets."""
