"""Neighbours, clusters, unit rows, smoothing: arrays that encoders, strategies and heads share."""
