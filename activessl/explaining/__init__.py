"""Why a model predicts a class: the places of an item that it looks at, and the labels that speak for and against."""
