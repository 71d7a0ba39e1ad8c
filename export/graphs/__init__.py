"""The model as functions of tensors: encoding, single steps and searches, as exports trace them."""
