"""What opens in a browser: a local page over the predictor, and reports that stand alone."""
