"""Forms of data: how items of each form are read, shown, checked and encoded."""
