"""Declaration and checks of settings: one field serves constructors, recipes and `--help`.

Nothing here imports Keras, so that `--help` and the checks of recipes stay fast.
"""
