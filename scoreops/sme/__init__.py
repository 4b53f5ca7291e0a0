"""SME Pulse: receivables, cash and odd transactions of small companies. Pure functions: no files, network or clock."""
