"""Nothing of the human reader's runs by the clock: a claim that ran out is seen as such by the next query."""
