"""A real Kubernetes of one node as processes of this machine: no Docker, no virtual machine, nothing left behind.

`place` says where things are, `binaries` and `images` make what runs, `ground` makes the network and the mounts that it
runs in, one module per component says how it is started, and `life` brings all of it up and down.
"""
