"""Engines from any ONNX encoder: looked at from the outside, checked, and written as a folder with a card."""
