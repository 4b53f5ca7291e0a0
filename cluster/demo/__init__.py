"""`python -m cluster demo`: models delivered on a real Kubernetes, under traffic."""
