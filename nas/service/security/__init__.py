"""Who may ask for what: tokens, scopes, origins, limits, folders; and what an answer must not say."""
