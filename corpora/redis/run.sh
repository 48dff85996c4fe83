#!/bin/bash
# One server, a few clients, a background save, a clean shutdown.
set -eu
redis-server --port 16379 --bind 127.0.0.1 --unixsocket "$PWD/redis.sock" --dir "$PWD" --save '' \
    --daemonize no --logfile server.log --databases 2 &
server=$!
for _ in $(seq 1 50); do [ -S redis.sock ] && break; sleep 0.1; done
redis-cli -s redis.sock ping
redis-cli -p 16379 set key value
redis-cli -p 16379 get key
seq 1 200 | sed 's/^/rpush list /' | redis-cli -s redis.sock > pushed
redis-cli -s redis.sock llen list
redis-cli -s redis.sock bgsave
sleep 0.3
redis-cli -s redis.sock shutdown nosave || true
wait "$server" || true
ls -l dump.rdb | wc -l
echo stopped
