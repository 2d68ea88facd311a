"""A study at work: makes the forks that a search asks for, within a budget, and keeps a ledger of them."""
