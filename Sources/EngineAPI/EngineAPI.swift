// EngineAPI: replaced by its owner.
