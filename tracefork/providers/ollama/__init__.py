"""Readers of Ollama: chats, bare texts and embeddings."""
