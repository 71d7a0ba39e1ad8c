"""What a model needs only in training: checks of batches, losses, a teacher, frozen layers."""
