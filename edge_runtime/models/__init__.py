"""Models: bundles of weights, and the looker that turns crops into what was seen."""
