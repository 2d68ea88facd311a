"""What stands for a secret: values of the same shape, and the vault that knows which stands for which."""
