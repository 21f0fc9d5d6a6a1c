"""Training heatmap networks with Lightning: settings, loss, loop."""
