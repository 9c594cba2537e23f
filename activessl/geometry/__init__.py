"""Neighbours, clusters, unit rows and smoothing: array functions that encoders, strategies and heads share."""
