"""What a label is: asked for, answered, merged, judged and written."""
