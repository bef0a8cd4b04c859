"""What the demo and the live benches are put up from: a PostgreSQL of its own and its load (cluster), the limits it lives in
(limits), Homeostat beside it (tuner), rounds of measurement (measure), and what the demo says at the end (report)."""
