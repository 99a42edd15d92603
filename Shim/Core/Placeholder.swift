// Shim/Core
