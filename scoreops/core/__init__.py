"""Product-free rules and mathematics. Nothing here touches the network, a disk, the environment or a clock."""
