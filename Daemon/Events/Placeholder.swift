// Daemon/Events
