"""The quality of the model, measured on random labels and on test data."""
