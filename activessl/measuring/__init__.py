"""Measures: labels and hours saved, the quality of the model, and when to stop."""
