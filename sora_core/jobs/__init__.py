"""One job from claim to file, the jobs that run, and those who wait for them."""
