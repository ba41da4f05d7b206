"""The service: jobs over HTTP, the store that keeps them, and the runners that carry them out."""
