"""Device profiles that we ship, one JSON file each: coefficients and evidence, never rows of measurements."""
