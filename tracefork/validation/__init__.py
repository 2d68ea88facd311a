"""Is blame right? Agents and worlds whose cause is planted, and the gates that a study has to pass."""
