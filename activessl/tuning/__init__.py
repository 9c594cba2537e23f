"""Fine-tuning: train the encoder on labels, and keep the result if it is better."""
