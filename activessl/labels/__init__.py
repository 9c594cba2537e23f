"""Labels: questions, answers, merging of answers, suspect labels, and kinds of labels."""
