"""Readers of Cohere: both versions of its chat, its older texts, embeddings and rankings."""
