// Daemon/Networks
