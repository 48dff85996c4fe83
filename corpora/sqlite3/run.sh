#!/bin/bash
# Rollback journal, then write-ahead log (shared memory map, byte-range locks), then integrity check.
set -eu
sqlite3 data.db <<'SQL'
CREATE TABLE t(id INTEGER PRIMARY KEY, v INTEGER, s TEXT);
BEGIN;
WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c WHERE x<500) INSERT INTO t SELECT x, x, 'row ' || x FROM c;
COMMIT;
CREATE INDEX tv ON t(v);
SELECT count(*), sum(v) FROM t;
PRAGMA journal_mode=WAL;
UPDATE t SET s = upper(s) WHERE id % 7 = 0;
DELETE FROM t WHERE id > 400;
SELECT s FROM t WHERE id = 14;
SQL
sqlite3 data.db 'PRAGMA integrity_check; VACUUM; SELECT count(*) FROM t;'
