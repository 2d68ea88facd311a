"""From the cause to the cure: failures in groups, versions compared, fixes tried against each other."""
