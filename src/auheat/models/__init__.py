"""Networks that turn aligned crops into AU heatmaps, and the files they are stored in."""
