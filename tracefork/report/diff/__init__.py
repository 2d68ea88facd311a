"""Two tapes beside each other: where they differ in meaning, whatever their ids are."""
