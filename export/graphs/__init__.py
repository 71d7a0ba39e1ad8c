"""The model as functions of tensors, which every export traces: steps and whole searches."""
