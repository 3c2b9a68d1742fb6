"""A model of jobs and of the ledger, small enough to be seen through, and everything that the product can be asked to do to them.

Each act is played against the real database and foretold by the model. Acts that are played at once are held to one question: is there
an order in which they, one after the other, would have come to the same? So no race is spelled out, and none is left out.

`acts` says what that means and `lab` where it is played; `world` is the model of jobs, and `callers`, `workers`, `sweeps`, `orders` and
`chance` are what happens in it. `books` is the ledger by itself.
"""
