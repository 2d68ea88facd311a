"""Readers of vendors with one API or two: Hugging Face, Replicate, Mistral's conversations."""
