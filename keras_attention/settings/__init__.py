"""How settings are declared and checked: one field each, for constructors, recipes and help.

Nothing here needs Keras, so that `--help` and recipes stay fast.
"""
