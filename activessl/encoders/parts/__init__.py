"""Parts of items: patches of pictures, windows of series, frames of recordings, tokens of texts, each with a vector."""
