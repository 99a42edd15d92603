// Daemon/API
