"""Regions in Label Studio: its tags for boxes, masks, spans and segments, read and written exactly.

tags         the tag of a label config that draws regions
layout       label configs for new projects
extents      the size of an item, in which places are counted
boxes masks spans segments     a stored value to a place, and back
results      the result of an annotation to regions, and back
checking     what a browser would lose, before it is sent
answers      annotations to answers, and what was kept of a suggestion
predictions  what a push sends
opening      the project
scripted     a scripted person who draws
"""
