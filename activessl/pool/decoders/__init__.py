"""One file to values: pictures, recordings and sounds; a file may be damaged or malicious."""
