"""The scenes: each a class that is given a shot and draws its frames."""
