"""`tracefork demo`: the whole product on one small agent, offline."""
