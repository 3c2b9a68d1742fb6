"""Figures from drawings, and the composition of a whole frame from a storyboard."""
