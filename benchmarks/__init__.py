"""What things cost, measured beside a peer."""
