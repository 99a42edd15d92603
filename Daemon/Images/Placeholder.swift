// Daemon/Images
