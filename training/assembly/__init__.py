"""From a recipe to what is trained: tokenizers, embeddings, model, optimizer and short list."""
