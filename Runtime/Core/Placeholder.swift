// Runtime/Core
