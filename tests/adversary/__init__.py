"""The adversary: servers with books of their own, and users who run the command against them.

Written from the protocols' documents and from the contract of the command, as if by someone else: nothing here
shares code with `gateway/` or knows how the client works inside. What it judges is what the books, the files and the
words on the screen say.
"""
