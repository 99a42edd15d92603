// CLI/Core
