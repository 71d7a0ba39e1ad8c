"""The quality of outputs on held-out pairs: metrics, errors and calibration."""
