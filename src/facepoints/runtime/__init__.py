"""ONNX sessions and the model file format."""
