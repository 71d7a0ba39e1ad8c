"""What a user loads and calls: the Translator, its model folder, its results, forced alignment."""
