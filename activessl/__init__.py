"""activessl: from an unlabeled pile to a trained model with the fewest hours of human labeling."""
