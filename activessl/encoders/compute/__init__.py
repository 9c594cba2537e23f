"""Where encoders compute: devices, precision, threads and processes."""
