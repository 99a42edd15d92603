// Daemon/Content
