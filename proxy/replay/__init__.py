"""`stillgate replay`: recorded exchanges through the line's own code (read → decide → observe → analyse), with recorded time and no
network. It opens a trace and nothing else; the same trace, policy and calibration give the same bytes."""
