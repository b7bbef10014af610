"""Trains on published bytes and says what was learned: trials, proofs, verdicts and the flags that accuse them."""
