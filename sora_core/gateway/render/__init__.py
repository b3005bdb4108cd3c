"""Draws animatics: text, cards, the moving reference image, the clicks, the MP4."""
