#!/bin/bash
# Shared memory, semaphores, many processes, fsync; as an unprivileged user, as PostgreSQL insists.
set -eu
bin=$(ls -d /usr/lib/postgresql/*/bin | head -1)
"$bin/initdb" -D data -N -A trust -U me --no-instructions -E UTF8 --locale=C > initdb.log
"$bin/pg_ctl" -D data -w -s -o "-c listen_addresses='' -k $PWD -c shared_buffers=1MB -c max_connections=8 -c fsync=on" -l server.log start
"$bin/psql" -h "$PWD" -U me -d postgres -Atq <<'SQL'
CREATE TABLE t AS SELECT generate_series(1, 100) AS v;
SELECT sum(v) FROM t;
CHECKPOINT;
DROP TABLE t;
SQL
"$bin/pg_ctl" -D data -w -m fast stop
