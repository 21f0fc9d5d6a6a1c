"""What a trained network runs on: PyTorch, ONNX Runtime or OpenVINO, all behind one protocol."""
