"""Readers of what Amazon Bedrock answers: Converse, and what is invoked in the form of its maker."""
