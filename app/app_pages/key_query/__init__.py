"""Page Key and query: do query and key of a step complement each other?"""
