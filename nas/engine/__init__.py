"""The search: evolution on islands, the fidelity cascade, the driver. Ray is imported by ``ray_launcher`` only."""
