"""Scripts that ask a server through one foreign client each and print what they saw as JSON.

Each runs in a process of its own: the generated protobuf modules of these clients define the same names and clash.
"""
