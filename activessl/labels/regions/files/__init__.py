"""Data with regions: COCO, Pascal VOC, pictures with masks, tagged tokens, spans in texts, segments of series."""
