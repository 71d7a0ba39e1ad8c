"""The device's runtime: it needs `ai-edge-litert` and `numpy` alone."""
