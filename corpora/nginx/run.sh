#!/bin/bash
# Master and workers, a small file, a big file by sendfile, a missing file, a quit signal.
set -eu
mkdir -p www logs
echo 'hello from nginx' > www/index.html
head -c 200000 /dev/zero | tr '\0' n > www/big
cat > nginx.conf <<N
worker_processes 2;
daemon off;
pid $PWD/nginx.pid;
error_log $PWD/logs/error.log;
user root;
events { worker_connections 64; }
http {
    access_log $PWD/logs/access.log;
    sendfile on;
    client_body_temp_path $PWD/t1; proxy_temp_path $PWD/t2; fastcgi_temp_path $PWD/t3;
    uwsgi_temp_path $PWD/t4; scgi_temp_path $PWD/t5;
    server { listen 127.0.0.1:18080; root $PWD/www; }
}
N
nginx -p "$PWD" -c "$PWD/nginx.conf" 2>logs/start &
server=$!
for _ in $(seq 1 50); do [ -s nginx.pid ] && break; sleep 0.1; done
sleep 0.2
curl -s http://127.0.0.1:18080/
curl -s -o /dev/null -w '%{http_code}\n' http://127.0.0.1:18080/missing
curl -s http://127.0.0.1:18080/big | wc -c
kill -QUIT "$server"
wait "$server" || true
wc -l < logs/access.log
