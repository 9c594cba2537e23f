"""How good the model is, from random labels and test data."""
