"""Query strategies, which choose the next items to label, and the pure functions of arrays that they use."""
