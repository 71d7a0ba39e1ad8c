"""The `Translator` that users load and call, its model folder and results, forced alignment."""
