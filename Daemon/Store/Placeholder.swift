// Daemon/Store
