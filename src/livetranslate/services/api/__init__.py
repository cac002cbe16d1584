"""REST routers, thin: parse, call, answer."""
