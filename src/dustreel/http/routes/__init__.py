"""One file of routes per resource. A route parses, calls one function, and shapes the answer."""
