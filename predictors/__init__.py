"""One Open Inference Protocol v2 server for every score of the catalog.

    rest ──► dataplane ──► lineup ──► served bundle
              │                ▲
              └► inference log │
                    keeper ────┘ ◄── source (folder or registry)

A door (`rest`) only translates. The data plane takes typed tensors and gives typed tensors. The keeper watches where
the aliases point and puts a new line-up in place in one step once its bundles have answered their golden requests.
"""
