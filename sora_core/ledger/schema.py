"""The ledger's tables, and how they came to be what they are."""

from __future__ import annotations

# Appended to, never edited: each runs once, in order, in one transaction with its version number.
MIGRATIONS = (
    # 1: sent_at tells a crash before the first byte left (free to submit) from one after it
    # (unknown); planned_path is written before the rename so that a crash between the rename and
    # the last commit finds its file again.
    """
    CREATE TABLE jobs (
        job_id TEXT PRIMARY KEY,
        fingerprint TEXT NOT NULL,
        profile TEXT NOT NULL,
        provider TEXT NOT NULL,
        request TEXT NOT NULL,
        prompt TEXT NOT NULL,
        model TEXT NOT NULL,
        seconds INTEGER NOT NULL,
        state TEXT NOT NULL,
        owner TEXT,
        idempotency_key TEXT NOT NULL,
        remote_id TEXT,
        progress REAL,
        url TEXT,
        error TEXT,
        error_kind TEXT,
        folder TEXT NOT NULL,
        stem TEXT NOT NULL,
        exact_path TEXT,
        metadata TEXT,
        part_validator TEXT,
        planned_path TEXT,
        path TEXT,
        sha256 TEXT,
        bytes INTEGER,
        width INTEGER,
        height INTEGER,
        fps REAL,
        duration REAL,
        created_at REAL NOT NULL,
        sent_at REAL,
        submitted_at REAL,
        finished_at REAL,
        delivered_at REAL,
        updated_at REAL NOT NULL
    );
    CREATE UNIQUE INDEX claim ON jobs (fingerprint) WHERE state NOT IN ('failed', 'canceled', 'forgotten');
    CREATE INDEX by_remote_id ON jobs (profile, remote_id);
    CREATE INDEX by_age ON jobs (created_at);
    """,
    # 2: jobs that make no video keep what they made in result; characters are the user's library.
    """
    ALTER TABLE jobs ADD COLUMN operation TEXT NOT NULL DEFAULT 'text_to_video';
    ALTER TABLE jobs ADD COLUMN result TEXT;
    CREATE TABLE characters (
        profile TEXT NOT NULL,
        name TEXT NOT NULL,
        character_id TEXT NOT NULL,
        username TEXT NOT NULL,
        source_url TEXT NOT NULL,
        start REAL NOT NULL,
        "end" REAL NOT NULL,
        created_at REAL NOT NULL,
        PRIMARY KEY (profile, name)
    )
    """,
    # 3: slot is set while a job counts against its profile's jobs at once; pace holds the moment
    # from which a profile may send its next request. Both hold over all processes of the folder.
    """
    ALTER TABLE jobs ADD COLUMN slot INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE pace (profile TEXT PRIMARY KEY, next_free REAL NOT NULL, written_at REAL NOT NULL)
    """,
    # 4: a row knows where it was made (origin of the server, keyed hash of the account), what came in place of
    # an answer, and whether somebody was told how it ended. What is planned does not write over what is
    # delivered. A remote job has one row that paid for it: rows that were adopted have no key, and a clean
    # link names the post that it was made of. Rows are asked for by key; meta holds the ledger's own words.
    """
    ALTER TABLE jobs ADD COLUMN origin TEXT NOT NULL DEFAULT '';
    ALTER TABLE jobs ADD COLUMN account TEXT NOT NULL DEFAULT '';
    ALTER TABLE jobs ADD COLUMN answer TEXT;
    ALTER TABLE jobs ADD COLUMN untold INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE jobs ADD COLUMN planned_sha256 TEXT;
    ALTER TABLE jobs ADD COLUMN planned_bytes INTEGER;
    UPDATE jobs SET planned_sha256 = sha256, planned_bytes = bytes WHERE planned_path IS NOT NULL;
    CREATE UNIQUE INDEX paid_once ON jobs (origin, remote_id)
        WHERE origin != '' AND remote_id != '' AND idempotency_key != '' AND operation != 'clean_link';
    CREATE INDEX by_fingerprint ON jobs (fingerprint);
    DROP INDEX by_remote_id;
    CREATE INDEX by_remote_id ON jobs (remote_id);
    CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)
    """,
    # 5: an owner of rows lives by a lease; who wants to send waits in a line.
    """
    CREATE TABLE owners (
        owner TEXT PRIMARY KEY,
        beat INTEGER NOT NULL,
        boot TEXT NOT NULL,
        beat_at REAL NOT NULL,
        process TEXT NOT NULL
    );
    CREATE INDEX by_owner ON jobs (owner) WHERE owner IS NOT NULL;
    CREATE TABLE tickets (
        ticket INTEGER PRIMARY KEY AUTOINCREMENT,
        profile TEXT NOT NULL,
        owner TEXT NOT NULL,
        ahead INTEGER NOT NULL
    );
    CREATE INDEX in_line ON tickets (profile, ahead DESC, ticket);
    CREATE INDEX ticket_of ON tickets (owner)
    """,
    # 6: workflows weigh more than all else, and are not needed for ever.
    """
    CREATE TABLE workflows (job_id TEXT PRIMARY KEY, metadata BLOB NOT NULL, written_at REAL NOT NULL);
    CREATE INDEX by_time ON workflows (written_at);
    INSERT INTO workflows SELECT job_id, metadata, created_at FROM jobs WHERE metadata IS NOT NULL;
    UPDATE jobs SET metadata = NULL WHERE metadata IS NOT NULL
    """,
    # 7: an index for each question. Rows are listed by their number, whatever the clock said.
    """
    DROP INDEX by_age;
    CREATE INDEX by_state ON jobs (state);
    CREATE INDEX by_change ON jobs (updated_at);
    CREATE INDEX by_profile ON jobs (profile);
    CREATE INDEX by_profile_and_state ON jobs (profile, state);
    CREATE INDEX finished ON jobs (profile, model, seconds, finished_at) WHERE state IN ('succeeded', 'delivered');
    CREATE INDEX charged ON jobs (profile, coalesce(submitted_at, sent_at)) WHERE idempotency_key != ''
    """,
    # 8: what the user's prices made of a request when it was claimed: millionths of the currency, NULL where unknown.
    """
    ALTER TABLE jobs ADD COLUMN cost INTEGER;
    ALTER TABLE jobs ADD COLUMN currency TEXT NOT NULL DEFAULT ''
    """,
    # 9: what a server says of a result is on record beside it.
    """
    CREATE TABLE said (job_id TEXT PRIMARY KEY, facts TEXT NOT NULL)
    """,
    # 10: on which host the file lies, or goes to.
    "ALTER TABLE jobs ADD COLUMN host TEXT NOT NULL DEFAULT ''",
    # 11: what one request made beside its first file. A path is written before the file takes that name.
    """
    CREATE TABLE outputs (
        job_id TEXT NOT NULL,
        number INTEGER NOT NULL,
        url TEXT NOT NULL,
        path TEXT,
        sha256 TEXT,
        bytes INTEGER,
        PRIMARY KEY (job_id, number)
    )
    """,
)

# A shared ledger begins here: what SQLite came to be in FIRST_SHARED steps. Later steps are taken by both, in SQL that
# both understand; only the names of types differ.
FIRST_SHARED = 7
SHARED = """
    CREATE TABLE jobs (
        rowid INTEGER PRIMARY KEY AUTOINCREMENT,
        job_id TEXT NOT NULL UNIQUE,
        fingerprint TEXT NOT NULL,
        profile TEXT NOT NULL,
        provider TEXT NOT NULL,
        request TEXT NOT NULL,
        prompt TEXT NOT NULL,
        model TEXT NOT NULL,
        seconds INTEGER NOT NULL,
        state TEXT NOT NULL,
        owner TEXT,
        idempotency_key TEXT NOT NULL,
        remote_id TEXT,
        progress REAL,
        url TEXT,
        error TEXT,
        error_kind TEXT,
        folder TEXT NOT NULL,
        stem TEXT NOT NULL,
        exact_path TEXT,
        part_validator TEXT,
        planned_path TEXT,
        path TEXT,
        sha256 TEXT,
        bytes INTEGER,
        width INTEGER,
        height INTEGER,
        fps REAL,
        duration REAL,
        created_at REAL NOT NULL,
        sent_at REAL,
        submitted_at REAL,
        finished_at REAL,
        delivered_at REAL,
        updated_at REAL NOT NULL,
        operation TEXT NOT NULL DEFAULT 'text_to_video',
        result TEXT,
        slot INTEGER NOT NULL DEFAULT 0,
        origin TEXT NOT NULL DEFAULT '',
        account TEXT NOT NULL DEFAULT '',
        answer TEXT,
        untold INTEGER NOT NULL DEFAULT 0,
        planned_sha256 TEXT,
        planned_bytes INTEGER
    );
    CREATE UNIQUE INDEX claim ON jobs (fingerprint) WHERE state NOT IN ('failed', 'canceled', 'forgotten');
    CREATE UNIQUE INDEX paid_once ON jobs (origin, remote_id)
        WHERE origin != '' AND remote_id != '' AND idempotency_key != '' AND operation != 'clean_link';
    CREATE INDEX by_fingerprint ON jobs (fingerprint);
    CREATE INDEX by_remote_id ON jobs (remote_id);
    CREATE INDEX by_owner ON jobs (owner) WHERE owner IS NOT NULL;
    CREATE INDEX by_state ON jobs (state);
    CREATE INDEX by_change ON jobs (updated_at);
    CREATE INDEX by_profile ON jobs (profile);
    CREATE INDEX by_profile_and_state ON jobs (profile, state);
    CREATE INDEX finished ON jobs (profile, model, seconds, finished_at) WHERE state IN ('succeeded', 'delivered');
    CREATE INDEX charged ON jobs (profile, coalesce(submitted_at, sent_at)) WHERE idempotency_key != '';
    CREATE TABLE characters (
        profile TEXT NOT NULL,
        name TEXT NOT NULL,
        character_id TEXT NOT NULL,
        username TEXT NOT NULL,
        source_url TEXT NOT NULL,
        start REAL NOT NULL,
        "end" REAL NOT NULL,
        created_at REAL NOT NULL,
        PRIMARY KEY (profile, name)
    );
    CREATE TABLE pace (profile TEXT PRIMARY KEY, next_free REAL NOT NULL, written_at REAL NOT NULL);
    CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
    CREATE TABLE owners (
        owner TEXT PRIMARY KEY,
        beat INTEGER NOT NULL,
        boot TEXT NOT NULL,
        beat_at REAL NOT NULL,
        process TEXT NOT NULL
    );
    CREATE TABLE tickets (
        ticket INTEGER PRIMARY KEY AUTOINCREMENT,
        profile TEXT NOT NULL,
        owner TEXT NOT NULL,
        ahead INTEGER NOT NULL
    );
    CREATE INDEX in_line ON tickets (profile, ahead DESC, ticket);
    CREATE INDEX ticket_of ON tickets (owner);
    CREATE TABLE workflows (job_id TEXT PRIMARY KEY, metadata BLOB NOT NULL, written_at REAL NOT NULL);
    CREATE INDEX by_time ON workflows (written_at)
"""
