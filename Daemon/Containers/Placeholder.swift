// Daemon/Containers
