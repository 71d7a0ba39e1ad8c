"""Assembly of a recipe's tokenizers, embeddings, model, optimizer and short list."""
