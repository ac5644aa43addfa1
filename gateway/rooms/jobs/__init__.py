"""Jobs 作业: many requests as one record, frozen when it is proposed, each with its result."""
