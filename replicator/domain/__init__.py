"""What a replicator decides, apart from all IO, clocks and chance."""
