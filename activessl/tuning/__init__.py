"""Fine-tuning: what an encoder learns from labels, and whether it pays."""
