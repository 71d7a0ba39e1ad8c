"""The model as functions of tensors, which exports trace: encoding, single steps and searches."""
