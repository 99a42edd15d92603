// Archive: replaced by its owner.
