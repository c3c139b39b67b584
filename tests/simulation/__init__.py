"""Production code on a simulated clock, network and disk, from one seed."""
