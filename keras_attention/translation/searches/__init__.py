"""The searches of a translator: of batches of texts, and of one text token by token."""
