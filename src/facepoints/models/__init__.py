"""Runs, ensembles, loading, ONNX export and quantization; needs PyTorch."""
