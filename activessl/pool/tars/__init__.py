"""Tar archives of samples, as WebDataset writes them: their members are read by offset, never unpacked."""
