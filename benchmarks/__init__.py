"""How fast, against what; each report names hardware, versions, n and spread."""
