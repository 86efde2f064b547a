"""The platform on one machine, its processes tied to one parent. The servers are in `local_servers`."""
