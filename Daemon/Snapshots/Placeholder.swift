// Daemon/Snapshots
